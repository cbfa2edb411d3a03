using ActorRepl.Hosting.Cli;

return await CommandTree.RunAsync(args).ConfigureAwait(false);
