//go:build unix

package config

import "syscall"

// openFiles is how many files and sockets this process may have open.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20)) // "unlimited" is a very large number
}
