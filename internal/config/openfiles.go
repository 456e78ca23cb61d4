package config

import "runtime"

// Files shares out the open files that the process may have.
type Files struct {
	Store       int // files that the store may have open
	Connections int // connections of all kinds
	Streams     int // those that may be streams, whatever -max-streams says: others publish, probe or load pages
}

// ShareFiles shares them out; a store has no use for more than forStore.
func ShareFiles(forStore int) Files {
	const short = 32
	others := 32 + runtime.GOMAXPROCS(0) // each of the engine's writers, one a CPU, has an epoll
	all := openFiles()
	store := min(forStore, all/4)
	connections := max(all-store-others, 2*short)
	return Files{Store: store, Connections: connections, Streams: connections - short}
}
