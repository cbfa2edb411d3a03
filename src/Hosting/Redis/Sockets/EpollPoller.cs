using System.Buffers.Binary;
using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace ActorRepl.Hosting.Redis.Sockets;

/// <summary>Linux's epoll: the cost of a wait grows with the sockets that are ready, not with those that are watched.</summary>
internal sealed unsafe partial class EpollPoller : IPoller
{
    private const int WakeToken = -1;
    private const int MaxEvents = 512;
    private const int CloseOnExec = 0x80000, NonBlocking = 0x800;
    private const int Add_ = 1, Delete = 2, Modify = 3;
    private const uint In = 0x1, Out = 0x4, Error = 0x8, HangUp = 0x10, EdgeTriggered = 1u << 31;
    private const int Interrupted = 4;
    private const short PollIn = 0x1;

    // struct epoll_event { uint32_t events; uint64_t data; } is packed on x86, and nowhere else.
    private static readonly int DataOffset = RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.X86 ? 4 : 8;
    private static readonly int EventSize = DataOffset + sizeof(ulong);

    private readonly byte[] _events = GC.AllocateArray<byte>(MaxEvents * EventSize, pinned: true);
    private readonly int _epoll;
    private readonly int _wake;

    public EpollPoller()
    {
        _epoll = Checked(epoll_create1(CloseOnExec));
        _wake = Checked(eventfd(0, CloseOnExec | NonBlocking));

        // Edge-triggered: each write is told once and need not be read.
        Control(Add_, _wake, WakeToken, In | EdgeTriggered);
    }

    public static bool IsSupported => OperatingSystem.IsLinux() && BitConverter.IsLittleEndian;

    public void Add(Socket socket, int token, Readiness wanted) => Control(Add_, Handle(socket), token, Mask(wanted));

    public void Change(Socket socket, int token, Readiness wanted) => Control(Modify, Handle(socket), token, Mask(wanted));

    public void Remove(Socket socket, int token) => Control(Delete, Handle(socket), token, 0);

    public int Wait(Span<ReadySocket> ready, int timeoutMillis)
    {
        int found;
        fixed (byte* events = _events)
            found = epoll_wait(_epoll, events, Math.Min(MaxEvents, ready.Length), timeoutMillis);
        if (found < 0 && Marshal.GetLastPInvokeError() == Interrupted)
            return 0;
        Checked(found);
        int count = 0;
        for (int i = 0; i < found; i++)
        {
            ReadOnlySpan<byte> each = _events.AsSpan(i * EventSize, EventSize);
            uint mask = BinaryPrimitives.ReadUInt32LittleEndian(each);
            int token = BinaryPrimitives.ReadInt32LittleEndian(each[DataOffset..]);
            if (token != WakeToken)
                ready[count++] = new ReadySocket(token, Meaning(mask));
        }

        return count;
    }

    public void WaitForWake(int timeoutMillis)
    {
        var wake = new PollDescriptor { Handle = _wake, Events = PollIn };
        ulong count;
        if (poll(&wake, 1, timeoutMillis) > 0)
            _ = read(_wake, &count, sizeof(ulong));
    }

    public void Wake()
    {
        ulong one = 1;
        _ = write(_wake, &one, sizeof(ulong));
    }

    public void Dispose()
    {
        _ = close(_epoll);
        _ = close(_wake);
    }

    private static uint Mask(Readiness wanted) => (wanted.HasFlag(Readiness.Read) ? In : 0) | (wanted.HasFlag(Readiness.Write) ? Out : 0);

    // A broken connection is ready for either: the next call on it says what is wrong.
    private static Readiness Meaning(uint mask) => (mask & (Error | HangUp)) != 0
        ? Readiness.Read | Readiness.Write
        : ((mask & In) != 0 ? Readiness.Read : 0) | ((mask & Out) != 0 ? Readiness.Write : 0);

    private static int Handle(Socket socket) => (int)socket.SafeHandle.DangerousGetHandle();

    private void Control(int operation, int handle, int token, uint mask)
    {
        Span<byte> what = stackalloc byte[EventSize];
        what.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(what, mask);
        BinaryPrimitives.WriteInt32LittleEndian(what[DataOffset..], token);
        fixed (byte* pointer = what)
            Checked(epoll_ctl(_epoll, operation, handle, pointer));
    }

    private static int Checked(int result) => result >= 0 ? result : throw new Win32Exception(Marshal.GetLastPInvokeError());

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int epoll, int operation, int handle, byte* what);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(int epoll, byte* events, int maxEvents, int timeoutMillis);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(PollDescriptor* descriptors, nuint count, int timeoutMillis);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int handle, void* bytes, nint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int handle, void* bytes, nint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int handle);

    /// <summary>struct pollfd.</summary>
    private struct PollDescriptor
    {
        public int Handle;
        public short Events;
        public short Found;
    }
}
