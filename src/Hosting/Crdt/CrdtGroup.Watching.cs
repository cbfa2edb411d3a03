using System.Globalization;
using System.Runtime.CompilerServices;
using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Convergence;

namespace ActorRepl.Hosting.Crdt;

/// <summary>A value of a group has changed, by whomever.</summary>
/// <param name="Key">Which; null: any may have, because changes since the cursor are not known any more.</param>
/// <param name="Cursor">Watching from here on misses nothing after this change.</param>
public readonly record struct CrdtChange(CrdtKey? Key, string Cursor);

public sealed partial class CrdtGroup
{
    /// <summary>Changes of a shard taken at once.</summary>
    private const int MostChanges = 1000;

    /// <summary>
    /// Names the values that change, as this node's replicas see it, from now on or from a cursor on. One that changes again and again may be named once. Nothing is kept
    /// for who takes them slowly: a replica knows its last changes, and who comes too late for them, or to another replica, is told that any value may have changed.
    /// </summary>
    /// <param name="cursor">Of a change seen before, on any node; null: from now on.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="FormatException">The cursor is none of this group.</exception>
    public async IAsyncEnumerable<CrdtChange> WatchAsync(string? cursor = null, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        FeedCursor at = FeedCursor.Parse(cursor, Info.Shards);
        while (true)
        {
            bool any = false;
            for (int shard = 0; shard < Info.Shards; shard++)
            {
                if (await TryLookAsync(shard, at, cancellation).ConfigureAwait(false) is not { } answer)
                    continue;
                var changes = (CrdtData.Changes)answer.Views[0].Data;
                bool isNew = at.IsNew(shard);
                // While a page is being handed out its end is not known to be seen.
                foreach (CrdtKey key in isNew ? [] : changes.List)
                    yield return new CrdtChange(key, at.ToString());
                bool all = changes.All && !isNew;
                any |= all || (!isNew && changes.List.Count > 0);
                at = at.With(shard, answer.Feed, changes.UpTo);
                if (all)
                    yield return new CrdtChange(null, at.ToString());
            }

            if (!any)
                await Task.Delay(WatchEvery, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>The cursor of now: what changes from here on is after it.</summary>
    public async ValueTask<string> CursorAsync(CancellationToken cancellation = default)
    {
        FeedCursor at = FeedCursor.Parse(null, Info.Shards);
        for (int shard = 0; shard < Info.Shards; shard++)
        {
            CrdtAnswer answer = await AskAsync([new CrdtQuery.Changes(0, 0, 0)], shard, null, cancellation).ConfigureAwait(false);
            at = at.With(shard, answer.Feed, answer.Position);
        }

        return at.ToString();
    }

    /// <exception cref="FormatException">It is no cursor of this group.</exception>
    public void CheckCursor(string cursor) => FeedCursor.Parse(cursor, Info.Shards);

    private async ValueTask<CrdtAnswer?> TryLookAsync(int shard, FeedCursor at, CancellationToken cancellation)
    {
        try
        {
            (long feed, long since) = at[shard];
            CrdtAnswer answer = await AskAsync([new CrdtQuery.Changes(feed, since, at.IsNew(shard) ? 0 : MostChanges)], shard, null, cancellation).ConfigureAwait(false);
            return at.IsNew(shard) ? answer with { Views = [answer.Views[0] with { Data = new CrdtData.Changes(answer.Position, false, []) }] } : answer;
        }
        catch (ReplicationException refused) when (refused.IsTransient)
        {
            return null;
        }
    }
}

/// <summary>How far the feed of each shard was seen. As text: <c>feed:position</c> of each, in base 16, with a dot between.</summary>
internal readonly struct FeedCursor
{
    private readonly (long Feed, long Position)[] _at;

    private FeedCursor((long, long)[] at) => _at = at;

    public (long Feed, long Position) this[int shard] => _at[shard];

    /// <summary>Nothing of the shard has been seen: it begins now.</summary>
    public bool IsNew(int shard) => _at[shard].Feed == 0;

    /// <exception cref="FormatException">It is no cursor of a group with so many shards.</exception>
    public static FeedCursor Parse(string? text, int shards)
    {
        if (text is null)
            return new FeedCursor(new (long, long)[shards]);
        string[] parts = text.Split('.');
        if (parts.Length != shards)
            throw new FormatException($"'{text}' is no cursor of a group of {shards} shards");
        var at = new (long, long)[shards];
        for (int i = 0; i < shards; i++)
        {
            string[] pair = parts[i].Split(':');
            if (pair.Length != 2 || !long.TryParse(pair[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long feed) || feed < 0
                || !long.TryParse(pair[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long position) || position < 0)
                throw new FormatException($"'{text}' is no cursor: '{parts[i]}' is no pair of numbers in base 16");
            at[i] = (feed, position);
        }

        return new FeedCursor(at);
    }

    public FeedCursor With(int shard, long feed, long position)
    {
        var at = ((long, long)[])_at.Clone();
        at[shard] = (feed, position);
        return new FeedCursor(at);
    }

    public override string ToString() => string.Join('.', _at.Select(at => string.Create(CultureInfo.InvariantCulture, $"{at.Feed:x}:{at.Position:x}")));
}
