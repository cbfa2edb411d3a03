using System.Buffers.Text;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Http.Kv;
using ActorRepl.Hosting.Redis;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Cli.Keys;

/// <summary>Single keys of a group that is named, over HTTP: of every kind of group that holds keys and values.</summary>
internal sealed class GroupKeys(HttpGateway gateway, string group)
{
    /// <summary>A key's value; null: there is no such key.</summary>
    /// <param name="key">Its text.</param>
    /// <param name="read">Who may answer, and what the answer may have missed (<see cref="ReadText"/>); null: nothing.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task<byte[]?> GetAsync(string key, string? read, CancellationToken cancellation)
    {
        ReadTerms terms = read is null ? default : ReadText.Parse(read);
        string words = terms.Kind switch
        {
            RequestKind.StaleRead => "&read=eventual",
            RequestKind.SessionRead => "&read=session",
            _ => "",
        } + (terms.From == ReadFrom.Default ? "" : $"&from={ReadText.NameOf(terms.From)}") + Level(terms.Level);
        HttpRequestMessage Ask()
        {
            var ask = new HttpRequestMessage(HttpMethod.Get, Path(Encoding.UTF8.GetBytes(key), words));
            if (terms.Kind == RequestKind.BoundedRead)
                ask.Headers.Add(KvTerms.StalenessHeader, $"{terms.MaxStalenessMillis}");
            return ask;
        }

        try
        {
            using HttpResponseMessage response = await gateway.SendAsync(Ask, cancellation).ConfigureAwait(false);
            return await response.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false);
        }
        catch (RefusedException refused) when (refused.Reason == RefusedException.NoKey)
        {
            return null;
        }
    }

    /// <param name="key">Its bytes.</param>
    /// <param name="value">What it is given.</param>
    /// <param name="ack">When the write counts as done (<see cref="WriteTerms"/>); null: as the group says.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task PutAsync(byte[] key, byte[] value, string? ack, CancellationToken cancellation)
    {
        string words = ack is null ? "" : WriteTerms.Parse(ack) is { Level.IsDefault: false } terms ? Level(terms.Level) : $"&ack={Uri.EscapeDataString(ack)}";
        using HttpResponseMessage done = await gateway.SendAsync(() => Put(key, value, words), cancellation).ConfigureAwait(false);
    }

    /// <summary>The request that gives a key a value.</summary>
    /// <param name="key">Its bytes.</param>
    /// <param name="value">Its bytes.</param>
    /// <param name="words">Further words of the query, each with its <c>&amp;</c>.</param>
    public HttpRequestMessage Put(byte[] key, ReadOnlyMemory<byte> value, string words) =>
        new(HttpMethod.Put, Path(key, words)) { Content = new ReadOnlyMemoryContent(value) };

    /// <summary>Removes keys, one after the other; returns how many there were.</summary>
    public async Task<long> DeleteAsync(string[] keys, CancellationToken cancellation)
    {
        long removed = 0;
        foreach (string key in keys)
        {
            try
            {
                using HttpResponseMessage done = await gateway.SendAsync(() => new HttpRequestMessage(HttpMethod.Delete, Path(Encoding.UTF8.GetBytes(key), "")), cancellation).ConfigureAwait(false);
                removed++;
            }
            catch (RefusedException refused) when (refused.Reason == RefusedException.NoKey)
            {
            }
            catch (UserErrorException wrong) when (keys.Length > 1 && !wrong.IsUsage)
            {
                throw new UserErrorException($"'{key}': {wrong.Message}; of the keys before it {removed} were removed");
            }
        }

        return removed;
    }

    /// <summary>Asks for a key, whichever, so that a group that is none, or holds no keys, is told of before anything is sent to it.</summary>
    public async Task CheckAsync(CancellationToken cancellation)
    {
        try
        {
            using HttpResponseMessage any = await gateway.SendAsync(() => new HttpRequestMessage(HttpMethod.Get, Path("?"u8.ToArray(), "&read=eventual")), cancellation).ConfigureAwait(false);
        }
        catch (RefusedException refused) when (refused.Reason == RefusedException.NoKey)
        {
        }
    }

    private string Path(byte[] key, string words) => $"/kv/{Uri.EscapeDataString(group)}/{Base64Url.EncodeToString(key)}?encoding=base64url{words}";

    private static string Level(in ConsistencyLevel level) => level.IsDefault ? "" : $"&level={Uri.EscapeDataString(level.Text)}";
}
