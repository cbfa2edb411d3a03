// Two browsers type into one text, each at a node of its own; the nodes are cut off from each other, both type on, and the cut heals.
//   actorrepl up --protocol crdt --faults --base-port 7000
//   dotnet run --project samples/two-browsers -- 7000 ./pictures [/usr/bin/chromium]
using System.Diagnostics;
using Microsoft.Playwright;

int port = int.Parse(args[0], null);
string pictures = args[1], chromium = args.Length > 2 ? args[2] : "/usr/bin/chromium", key = $"minutes-{DateTime.UtcNow:HHmmss}";
using IPlaywright playwright = await Playwright.CreateAsync();
await using IBrowser browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = chromium, Args = ["--no-sandbox"] });
using var http = new HttpClient();
IPage left = await OpenAsync(1), right = await OpenAsync(2);

await TypeAsync(left, "Agenda\n- chains\n- sets\n", atEnd: true);
await SameAsync("Agenda\n- chains\n- sets\n", "the other browser has what was typed");
await Task.WhenAll(TypeAsync(left, "Tuesday's ", atEnd: false), TypeAsync(right, "- texts, typed at once\n", atEnd: true));
await SameAsync("Tuesday's Agenda\n- chains\n- sets\n- texts, typed at once\n", "typed at once, it is the same in both");

await OrderAsync(1, "kind=cut");
await OrderAsync(2, "kind=cut&to=1");
await OrderAsync(3, "kind=cut&to=1");
await Task.WhenAll(TypeAsync(left, "(left, cut off) ", atEnd: false), TypeAsync(right, "- right, cut off\n", atEnd: true));
await Task.Delay(TimeSpan.FromSeconds(1.5)); // how long nothing comes through
Check((await TextAsync(left)).StartsWith("(left", StringComparison.Ordinal) && !(await TextAsync(left)).Contains("right", StringComparison.Ordinal), "the left sees its own text alone");
Check((await TextAsync(right)).EndsWith("- right, cut off\n", StringComparison.Ordinal) && !(await TextAsync(right)).Contains("(left", StringComparison.Ordinal), "the right sees its own text alone");
await PictureAsync("cut");

for (int node = 1; node <= 3; node++)
    await OrderAsync(node, "kind=clear");
await SameAsync("(left, cut off) Tuesday's Agenda\n- chains\n- sets\n- texts, typed at once\n- right, cut off\n", "healed, it is the same in both");
await PictureAsync("healed");

async Task<IPage> OpenAsync(int node)
{
    IPage page = await (await browser.NewContextAsync(new() { ViewportSize = new() { Width = 560, Height = 420 } })).NewPageAsync();
    await page.GotoAsync($"http://127.0.0.1:{port + 100 + node}/crdt/kv/text/{key}");
    await page.WaitForSelectorAsync("textarea:not([disabled])");
    return page;
}

static Task<string> TextAsync(IPage page) => page.InputValueAsync("textarea");

static async Task TypeAsync(IPage page, string text, bool atEnd)
{
    await page.FocusAsync("textarea");
    await page.EvaluateAsync("end => { const t = document.getElementById('text'); const at = end ? t.value.length : 0; t.setSelectionRange(at, at); }", atEnd);
    await page.Keyboard.TypeAsync(text, new() { Delay = 15 });
}

async Task SameAsync(string wanted, string what)
{
    var patience = Stopwatch.StartNew();
    while (await TextAsync(left) != wanted || await TextAsync(right) != wanted)
    {
        Check(patience.Elapsed < TimeSpan.FromSeconds(20), $"{what}, but '{await TextAsync(left)}' and '{await TextAsync(right)}'");
        await Task.Delay(20);
    }

    Console.WriteLine($"{what}: after {patience.ElapsedMilliseconds} ms");
}

async Task OrderAsync(int node, string order)
{
    using HttpResponseMessage answer = await http.PostAsync($"http://127.0.0.1:{port + 100 + node}/faults?{order}", null);
    answer.EnsureSuccessStatusCode();
}

async Task PictureAsync(string name)
{
    await left.ScreenshotAsync(new() { Path = Path.Combine(pictures, $"{name}-left.png") });
    await right.ScreenshotAsync(new() { Path = Path.Combine(pictures, $"{name}-right.png") });
}

static void Check(bool holds, string what)
{
    if (!holds)
        throw new InvalidOperationException($"it should be so: {what}");
}
