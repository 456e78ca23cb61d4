//go:build !linux

package pebble

import "github.com/cockroachdb/pebble/v2/vfs"

// preallocate works on Linux only.
func preallocate(vfs.File, int64) bool { return false }
