package pebble

import "golang.org/x/sys/unix"

// exchangeNames swaps the names of two folders atomically.
func exchangeNames(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}
