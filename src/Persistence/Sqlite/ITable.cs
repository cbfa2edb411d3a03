namespace ActorRepl.Persistence.Sqlite;

/// <summary>The statements of one store on one connection.</summary>
internal interface ITable : IDisposable
{
    /// <summary>A transaction was rolled back: forget what was remembered of it.</summary>
    void RolledBack();
}
