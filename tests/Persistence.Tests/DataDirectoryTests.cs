using System.Diagnostics;

namespace ActorRepl.Persistence.Tests;

public sealed class DataDirectoryTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    private string Data => _directory.File("node1");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_directory_is_made_stamped_and_found_again()
    {
        DataStamp first;
        using (DataDirectory directory = DataDirectory.Open(Data, "prod", 1))
            first = directory.Stamp;
        using DataDirectory again = DataDirectory.Open(Data, "prod", 1);
        Assert.Equal(first, again.Stamp);
        Assert.Equal(("prod", 1, DataDirectory.Schema), (again.Stamp.Cluster, again.Stamp.Node, again.Stamp.Schema));
    }

    [Theory]
    [InlineData("prod", 2)]
    [InlineData("test", 1)]
    public void Another_node_or_cluster_is_refused_with_both_named(string cluster, int node)
    {
        DataDirectory.Open(Data, "prod", 1).Dispose();
        var e = Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(Data, cluster, node));
        Assert.Contains(Data, e.Message, StringComparison.Ordinal);
        Assert.Contains("stamped for node 1 of cluster 'prod'", e.Message, StringComparison.Ordinal);
        Assert.Contains($"node {node} of cluster '{cluster}' was started", e.Message, StringComparison.Ordinal);
        DataDirectory.Open(Data, "prod", 1).Dispose();
    }

    [Fact]
    public void A_later_schema_is_refused()
    {
        DataDirectory.Open(Data, "prod", 1).Dispose();
        string stamp = Path.Combine(Data, DataDirectory.StampFile);
        File.WriteAllText(stamp, File.ReadAllText(stamp).Replace("\"schema\": 1", "\"schema\": 9", StringComparison.Ordinal));
        var e = Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(Data, "prod", 1));
        Assert.Contains("schema version 9; this build reads version 1", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("not json")]
    public void A_damaged_stamp_is_refused_and_left_alone(string content)
    {
        Directory.CreateDirectory(Data);
        string stamp = Path.Combine(Data, DataDirectory.StampFile);
        File.WriteAllText(stamp, content);
        Assert.Contains(stamp, Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(Data, "prod", 1)).Message, StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllText(stamp));
    }

    [Theory]
    [InlineData("wal.db")]
    [InlineData("wal")]
    public void Data_without_a_stamp_is_nobodys_to_take(string store)
    {
        Directory.CreateDirectory(Data);
        if (store == SegmentWal.FolderName)
            Directory.CreateDirectory(Path.Combine(Data, store));
        else
            File.WriteAllText(Path.Combine(Data, store), "");
        Assert.Contains($"holds {store} but no stamp.json",
            Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(Data, "prod", 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_that_is_a_file_is_named()
    {
        File.WriteAllText(Data, "");
        Assert.Contains(Data, Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(Data, "prod", 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_in_use_is_refused_naming_its_holder_and_free_after_a_kill()
    {
        using var holder = Process.Start(new ProcessStartInfo("dotnet", ["exec", typeof(CrashTests).Assembly.Location, "hold", Data])
        {
            RedirectStandardOutput = true,
        })!;
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        Assert.Equal("held", await holder.StandardOutput.ReadLineAsync(deadline.Token));
        var e = Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(Data, "prod", 1));
        Assert.Contains($"{Data} is in use by process {holder.Id}", e.Message, StringComparison.Ordinal);
        holder.Kill();
        await holder.WaitForExitAsync(deadline.Token);
        DataDirectory.Open(Data, "prod", 1).Dispose();
    }
}
