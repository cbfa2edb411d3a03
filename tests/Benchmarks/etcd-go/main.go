// A closed loop of puts and then of linearizable gets against etcd, with etcd's own client: so many callers, each with one
// request at a time. Builds where Go and the sources of etcd's client are, in a GOPATH (Debian: golang-go and
// golang-etcd-server-dev; GO111MODULE=off GOPATH=/usr/share/gocode go build).
//
//	etcd-go -endpoints http://127.0.0.1:2379 -clients 64 -connections 8 -operations 60000 -keys 100000 -bytes 256
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/etcd/clientv3"
)

var (
	endpoints   = flag.String("endpoints", "http://127.0.0.1:2379", "client URLs of the members, separated by commas")
	callers     = flag.Int("clients", 64, "callers, each with one request at a time")
	connections = flag.Int("connections", 8, "connections that the callers share")
	operations  = flag.Int64("operations", 60000, "puts, and gets")
	keys        = flag.Int("keys", 100000, "different keys")
	bytes       = flag.Int("bytes", 256, "bytes of a value")
)

func main() {
	flag.Parse()
	clients := connect()
	value := strings.Repeat("x", *bytes)
	run("put", clients, func(client *clientv3.Client, key string) error {
		_, err := client.Put(context.Background(), key, value)
		return err
	})
	run("get", clients, func(client *clientv3.Client, key string) error {
		_, err := client.Get(context.Background(), key)
		return err
	})
	for _, client := range clients {
		client.Close()
	}
}

func connect() []*clientv3.Client {
	all := strings.Split(*endpoints, ",")
	clients := make([]*clientv3.Client, *connections)
	for i := range clients {
		// Each connection goes to one member, so that all are used alike.
		client, err := clientv3.New(clientv3.Config{Endpoints: []string{all[i%len(all)]}, DialTimeout: 5 * time.Second})
		check(err)
		clients[i] = client
	}
	return clients
}

// run has all callers call until the operations are done, and prints what it took.
func run(name string, clients []*clientv3.Client, call func(*clientv3.Client, string) error) {
	left := *operations
	took := make([][]time.Duration, *callers)
	cpu := cpuTime()
	start := time.Now()
	var all sync.WaitGroup
	for i := 0; i < *callers; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			random := rand.New(rand.NewSource(int64(i) + 1))
			for atomic.AddInt64(&left, -1) >= 0 {
				began := time.Now()
				check(call(clients[i%len(clients)], fmt.Sprintf("key:%012d", random.Intn(*keys))))
				took[i] = append(took[i], time.Since(began))
			}
		}(i)
	}
	all.Wait()
	elapsed, spent := time.Since(start), cpuTime()-cpu

	var sorted []time.Duration
	for _, each := range took {
		sorted = append(sorted, each...)
	}
	sort.Slice(sorted, func(a, b int) bool { return sorted[a] < sorted[b] })
	percentile := func(p float64) float64 { return float64(sorted[int(p*float64(len(sorted)-1))].Microseconds()) / 1000 }
	fmt.Printf("etcd %s: %.0f/s, p50 %.2f ms, p99 %.2f ms, client %.1f us of CPU each\n",
		name, float64(len(sorted))/elapsed.Seconds(), percentile(0.50), percentile(0.99),
		float64(spent.Microseconds())/float64(len(sorted)))
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcd-go:", err)
		os.Exit(1)
	}
}
