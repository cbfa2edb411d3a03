using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Fuzz;

/// <summary>Breaks inputs in the ways that parsers break on: lengths that lie, parts missing, doubled or swapped, bytes flipped. The same for the same seed.</summary>
public sealed class Mutator(ulong seed)
{
    private const int MostChanges = 4;
    private const int MostNoise = 64;

    private static readonly string[] Numbers =
        ["-1", "-2", "0", "1", "00", "+5", "2147483647", "2147483648", "-2147483649", "4294967296", "9223372036854775807", "9223372036854775808", "99999999999999999999", "1e9", "0x10", "NaN", ""];

    private static readonly byte[] Delimiters = "\r\n \0*$:~%_\"\\/"u8.ToArray();

    private readonly DeterministicRandom _random = new(seed);

    public int Below(int exclusiveMax) => (int)_random.Next(exclusiveMax);

    public byte[] Mutate(IReadOnlyList<byte[]> corpus)
    {
        var input = new List<byte>(corpus[Below(corpus.Count)]);
        for (int i = 1 + Below(MostChanges); i > 0; i--)
            Change(input, corpus);
        return [.. input];
    }

    private void Change(List<byte> input, IReadOnlyList<byte[]> corpus)
    {
        int at = Below(input.Count + 1), length = Below(Math.Min(input.Count - at, MostNoise) + 1);
        switch (Below(9))
        {
            case 0:
                for (int i = 0; i < length; i++)
                    input[at + i] ^= (byte)(1 << Below(8));
                break;
            case 1:
                input.InsertRange(at, Noise());
                break;
            case 2:
                input.RemoveRange(at, length);
                break;
            case 3:
                input.InsertRange(at, input.GetRange(at, length));
                break;
            case 4:
                input.RemoveRange(at, input.Count - at);
                break;
            case 5:
                ReplaceNumber(input, at);
                break;
            case 6:
                byte[] other = corpus[Below(corpus.Count)];
                input.InsertRange(at, other[Below(other.Length)..]);
                break;
            case 7:
                // What frames of binary protocols begin with.
                byte[] lie = BitConverter.GetBytes(Below(2) == 0 ? int.MaxValue - Below(16) : -Below(1 << 16));
                for (int i = 0; i < Math.Min(sizeof(int), input.Count - at); i++)
                    input[at + i] = lie[i];
                break;
            default:
                input.InsertRange(at, Enumerable.Repeat(Delimiters[Below(Delimiters.Length)], 1 + length));
                break;
        }
    }

    private byte[] Noise()
    {
        byte[] noise = new byte[1 + Below(MostNoise)];
        for (int i = 0; i < noise.Length; i++)
            noise[i] = (byte)Below(256);
        return noise;
    }

    private void ReplaceNumber(List<byte> input, int from)
    {
        int start = input.FindIndex(Math.Min(from, input.Count), each => each is >= (byte)'0' and <= (byte)'9');
        if (start < 0)
            return;
        int end = input.FindIndex(start, each => each is < (byte)'0' or > (byte)'9');
        input.RemoveRange(start, (end < 0 ? input.Count : end) - start);
        input.InsertRange(start, System.Text.Encoding.ASCII.GetBytes(Numbers[Below(Numbers.Length)]));
    }
}
