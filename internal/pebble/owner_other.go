//go:build !unix

package pebble

import "os"

// ownLike does nothing here; a folder inherits its permissions from its parent.
func ownLike(string, os.FileInfo) error { return nil }

// sameDisk cannot tell here; only trying shows it.
func sameDisk(_, _ os.FileInfo) bool { return true }
