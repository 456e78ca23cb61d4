package pebble

import (
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// preallocate gives a file its size and its blocks without writing them. It returns false if the file system cannot, or
// only claims to.
func preallocate(file vfs.File, size int64) bool {
	fd := file.Fd()
	if fd == vfs.InvalidFd || unix.Fallocate(int(fd), 0, 0, size) != nil {
		return false
	}
	var info unix.Stat_t
	return unix.Fstat(int(fd), &info) == nil && info.Blocks*512 >= size
}
