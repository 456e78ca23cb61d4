//go:build !unix

package pebble

import "os"

// ownLike would give a folder to the owner of another; here it inherits its rights from the folder that it is in.
func ownLike(string, os.FileInfo) error { return nil }

// sameDisk says whether two folders are on one file system; here only the attempt shows it.
func sameDisk(_, _ os.FileInfo) bool { return true }
