using ActorRepl.Hosting.Settings;
using Akka.Configuration;

namespace ActorRepl.Hosting.Tests.Settings;

public sealed class UnknownSettingsTests
{
    [Theory]
    [InlineData("actorrepl.request-timeout = 1s")]
    [InlineData("actorrepl { redis { group = users } groups { users { shards = 8 } orders {} } }")]
    [InlineData("akka.loglevel = DEBUG")]
    [InlineData("somebody.elses = 1")]
    [InlineData("")]
    public void What_exists_is_accepted(string hocon) => Hocon.Parse(hocon, "test.conf");

    [Theory]
    [InlineData("actorrepl.reqest-timeout = 1s", "actorrepl.reqest-timeout", "actorrepl.request-timeout")]
    [InlineData("actorrepl { router { max-batches = 1 } }", "actorrepl.router.max-batches", "actorrepl.router.max-batch")]
    [InlineData("actorrepl.journal.sqlite.cachesize = 1", "actorrepl.journal.sqlite.cachesize", "actorrepl.journal.sqlite.cache-size")]
    [InlineData("actorrepl.groups.users.replcas = 1", "actorrepl.groups.users.replcas", "actorrepl.groups.users.replicas")]
    public void What_does_not_exist_is_refused_with_the_nearest_name(string hocon, string wrong, string nearest)
    {
        var refused = Assert.Throws<UserErrorException>(() => Hocon.Parse(hocon, "test.conf"));
        Assert.Equal($"unknown setting {wrong} in test.conf; the nearest is {nearest}", refused.Message);
    }

    [Theory]
    [InlineData("kitten", "sitting|mitten|kitchen", "mitten")]
    [InlineData("abc", "xabc|ab|abcdef", "xabc")]
    public void The_nearest_name_is_the_one_with_the_fewest_edits(string name, string known, string nearest) =>
        Assert.Equal(nearest, UnknownSettings.Nearest(name, known.Split('|')));

    [Fact]
    public void Every_profile_is_readable_and_every_default_has_a_value()
    {
        Assert.Equal("cluster", Hocon.Profile(cluster: true).GetString("akka.actor.provider"));
        Assert.Equal("", Hocon.Profile(cluster: true).GetString("akka.cluster.downing-provider-class"));
        Assert.Equal(4, Hocon.Reference.GetInt("actorrepl.group-defaults.shards"));
        Assert.Equal(ConfigurationFactory.ParseString("a = 4 MiB").GetByteSize("a"), Hocon.Reference.GetByteSize("actorrepl.max-frame-bytes"));
    }
}
