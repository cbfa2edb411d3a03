using System.Text;
using ActorRepl.Hosting.Import;

namespace ActorRepl.Hosting.Tests.Import;

public sealed class ImportRecordTests
{
    [Theory]
    [InlineData("""{"key": "a", "value": "text"}""", "a", "text")]
    [InlineData("""{"value":"v","key":"k"}""", "k", "v")]
    [InlineData("""{"key": "a", "value": "\u00e4 \"q\" \n"}""", "a", "ä \"q\" \n")]
    [InlineData("""{"key": "a", "value": {"x":  1, "y": [true, null]} }""", "a", """{"x":  1, "y": [true, null]}""")]
    [InlineData("""{"key": "a", "value": 1.50}""", "a", "1.50")]
    [InlineData("""{"key": "a", "value": null}""", "a", "null")]
    [InlineData("""{"key": "a", "value": []}  """, "a", "[]")]
    [InlineData("""{"key": "a", "value": ""}""", "a", "")]
    public void A_string_is_stored_as_its_text_and_anything_else_byte_for_byte(string line, string key, string value)
    {
        ImportRecord record = Parse(line);
        Assert.Equal(key, Encoding.UTF8.GetString(record.Key));
        Assert.Equal(value, Encoding.UTF8.GetString(record.Value));
    }

    [Theory]
    [InlineData("[1]", "it is not a JSON object")]
    [InlineData("text", "it is no JSON, at byte 1")]
    [InlineData("""{"key": "a", "value": 1""", "it is no JSON, at byte 23")]
    [InlineData("""{"key": "a", "value": 1} x""", "it is no JSON, at byte 25")]
    [InlineData("""{"key": "a"}""", "it has no \"value\"")]
    [InlineData("""{"value": "a"}""", "it has no \"key\"")]
    [InlineData("""{"key": 1, "value": "a"}""", "the key is not a string")]
    [InlineData("""{"key": "", "value": "a"}""", "the key has 0 bytes; it must have 1 to 16")]
    [InlineData("""{"key": "12345678901234567", "value": "a"}""", "the key has 17 bytes; it must have 1 to 16")]
    [InlineData("""{"key": "a", "value": "123456789012345678901"}""", "the value has 21 bytes; it may have 20")]
    [InlineData("""{"key": "a", "key": "b", "value": 1}""", "it has two keys")]
    [InlineData("""{"key": "a", "value": 2, "value": 1}""", "it has two values")]
    [InlineData("""{"key": "a", "value": 1, "ttl": 5}""", "unknown property \"ttl\"; a line has \"key\" and \"value\"")]
    [InlineData("""{"key": "\ud800", "value": 1}""", "a string in it is not valid UTF-8 or UTF-16")]
    public void What_is_wrong_with_a_line_is_said(string line, string what)
    {
        var wrong = Assert.Throws<ImportLineException>(() => Parse(line));
        Assert.Equal(what, wrong.Message);
        Assert.Equal(7, wrong.Line);
    }

    private static ImportRecord Parse(string line) => ImportRecord.Parse(7, Encoding.UTF8.GetBytes(line), maxKeyBytes: 16, maxValueBytes: line.Contains("[true") ? 100 : 20);
}
