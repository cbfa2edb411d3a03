using Akka.Configuration;

namespace ActorRepl.EngineParity;

public class HoconSpec
{
    private static Config Parse(string text) => ConfigurationFactory.ParseString(text);

    [Fact]
    public void Dotted_keys_and_nested_objects_mean_the_same()
    {
        Assert.Equal("1", Parse("a.b.c = 1").GetString("a.b.c"));
        Assert.Equal("1", Parse("a { b { c = 1 } }").GetString("a.b.c"));
        Assert.Equal("1", Parse("{ \"a\" : { \"b.c\" : 1 } }").GetString("a.\"b.c\""));
        Assert.Equal("1", Parse("a b = 1").GetString("a b"));
    }

    [Fact]
    public void Repeated_objects_are_merged_and_repeated_values_replaced()
    {
        Config config = Parse("a { x = 1, y = 2 }\na { y = 3, z = 4 }\nb = 1\nb = 2");
        Assert.Equal([1, 3, 4], new[] { "x", "y", "z" }.Select(key => config.GetInt("a." + key)));
        Assert.Equal(2, config.GetInt("b"));
    }

    [Fact]
    public void Comments_commas_and_line_ends_are_as_in_the_specification()
    {
        Config config = Parse("""
            # a comment
            a = 1 // another
            b = [1, 2, # in between
              3
              4,
            ]
            c = "# no comment // here"
            d : unquoted text with spaces   # trailing
            """);
        Assert.Equal(1, config.GetInt("a"));
        Assert.Equal([1, 2, 3, 4], config.GetIntList("b"));
        Assert.Equal("# no comment // here", config.GetString("c"));
        Assert.Equal("unquoted text with spaces", config.GetString("d"));
    }

    [Theory]
    [InlineData("a { b = 1 }, c = 2")]
    [InlineData("a = 1,, b = 2")]
    [InlineData("a = 1\n, b = 2")]
    public void A_comma_comes_only_after_a_value_and_on_its_line(string text)
    {
        Assert.ThrowsAny<Exception>(() => Parse(text));
        Assert.Equal(2, Parse("a = { b = 1 }, c = 2").GetInt("c"));
    }

    [Fact]
    public void Strings_have_escapes_and_triple_quotes_have_none()
    {
        Config config = Parse("a = \"line\\n\\\"quoted\\\" \\u0041\"\nb = \"\"\"raw \\n \"x\"\nsecond\"\"\"");
        Assert.Equal("line\n\"quoted\" A", config.GetString("a"));
        Assert.Equal("raw \\n \"x\"\nsecond", config.GetString("b"));
    }

    [Theory]
    [InlineData("10", 10)]
    [InlineData("500ms", 500)]
    [InlineData("10 s", 10_000)]
    [InlineData("1.5s", 1_500)]
    [InlineData("5 minutes", 300_000)]
    [InlineData("2h", 7_200_000)]
    [InlineData("1 day", 86_400_000)]
    public void Durations_have_units_and_are_in_milliseconds_without(string text, long milliseconds)
    {
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), Parse($"a = {text}").GetTimeSpan("a"));
    }

    [Fact]
    public void An_infinite_duration_is_the_infinite_timeout()
    {
        Assert.Equal(Timeout.InfiniteTimeSpan, Parse("a = infinite").GetTimeSpan("a"));
    }

    [Theory]
    [InlineData("128000", 128_000)]
    [InlineData("128000b", 128_000)]
    [InlineData("1kB", 1_000)]
    [InlineData("1 KiB", 1_024)]
    [InlineData("1K", 1_024)]
    [InlineData("2 MB", 2_000_000)]
    [InlineData("2 MiB", 2_097_152)]
    [InlineData("1GiB", 1_073_741_824)]
    public void Sizes_have_units_of_1000_and_1024(string text, long bytes)
    {
        Assert.Equal(bytes, Parse($"a = {text}").GetByteSize("a"));
    }

    [Fact]
    public void Booleans_are_on_off_true_false()
    {
        Config config = Parse("a = on, b = true, d = off, e = false");
        foreach (string key in new[] { "a", "b" }) Assert.True(config.GetBoolean(key));
        foreach (string key in new[] { "d", "e" }) Assert.False(config.GetBoolean(key));
    }

    [Fact]
    public void Substitutions_refer_to_other_settings()
    {
        Config config = Parse("base = \"/data\"\ndirs { log = ${base}\"/log\" }\nmine = ${base}\noptional = ${?nowhere.at.all}");
        Assert.Equal("/data/log", config.GetString("dirs.log"));
        Assert.Equal("/data", config.GetString("mine"));
        Assert.Null(config.GetString("optional"));
    }

    [Fact]
    public void A_substitution_of_nothing_is_an_error()
    {
        Assert.ThrowsAny<Exception>(() => Parse("a = ${nowhere}"));
    }

    [Fact]
    public void A_fallback_gives_what_is_not_set_at_any_depth()
    {
        Config config = Parse("a { x = 1 }").WithFallback(Parse("a { x = 2, y = 3 }\nb = 4"));
        Assert.Equal(1, config.GetInt("a.x"));
        Assert.Equal(3, config.GetInt("a.y"));
        Assert.Equal(4, config.GetInt("b"));
        Assert.Equal(3, config.GetConfig("a").GetInt("y"));
    }

    [Fact]
    public void What_is_not_set_is_the_default()
    {
        Config config = Parse("a = 1");
        Assert.False(config.HasPath("b.c"));
        Assert.Equal(7, config.GetInt("b", 7));
        Assert.Equal("d", config.GetString("b", "d"));
        Assert.True(config.GetBoolean("b", true));
        Assert.Equal(TimeSpan.FromSeconds(1), config.GetTimeSpan("b", TimeSpan.FromSeconds(1)));
        Assert.Null(config.GetConfig("b"));
        Assert.Empty(config.GetStringList("b"));
        Assert.True(ConfigurationFactory.Empty.IsEmpty);
    }

    [Fact]
    public void A_value_of_another_kind_is_an_error()
    {
        Assert.ThrowsAny<Exception>(() => Parse("a = text").GetInt("a"));
        Assert.ThrowsAny<Exception>(() => Parse("a = text").GetTimeSpan("a"));
    }

    [Fact]
    public void Keys_of_an_object_can_be_listed()
    {
        Config config = Parse("bindings { \"System.Byte[]\" = bytes, \"A.B, C\" = other }").GetConfig("bindings");
        Assert.Equal(["A.B, C", "System.Byte[]"], config.AsEnumerable().Select(pair => pair.Key).Order(StringComparer.Ordinal));
    }
}
