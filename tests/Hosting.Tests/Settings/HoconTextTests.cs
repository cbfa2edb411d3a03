using ActorRepl.Hosting.Settings;

namespace ActorRepl.Hosting.Tests.Settings;

public sealed class HoconTextTests
{
    [Theory]
    [InlineData("actorrepl {\n  redis {\n", "line 2: '{' is not closed")]
    [InlineData("actorrepl.limits {}\n}\nactorrepl.redis.group = users", "line 2: '}' closes nothing")]
    [InlineData("akka.cluster.roles = [a, b\n}", "line 2: '}' does not close the '[' of line 1")]
    [InlineData("akka {\n loglevel = \"DEBUG\n}", "line 2: the string is not closed")]
    [InlineData("a = \"\"\"one\ntwo", "line 1: the string is not closed")]
    public void A_file_that_breaks_off_is_refused_with_the_line(string hocon, string message)
    {
        var refused = Assert.Throws<UserErrorException>(() => Hocon.Parse(hocon, "my.conf"));
        Assert.Equal($"my.conf is no HOCON: {message}", refused.Message);
    }

    [Theory]
    [InlineData("a = 1 # { is a comment\nb = 2 // and [ too")]
    [InlineData("a = \"{ in \\\" a string [\"\nb { c = [1, 2], d = ${a} }")]
    [InlineData("a = \"\"\"{ \"raw\"\n [\"\"\"\"\nb {}")]
    public void Brackets_in_comments_and_strings_do_not_count(string hocon) => Assert.Null(HoconText.Damage(hocon));
}
