// Each test has three processes of its own: one after the other, or they starve each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
