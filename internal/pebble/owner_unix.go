//go:build unix

package pebble

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// ownLike gives a folder and its files the owner of another folder: root restores a store for a server that runs as
// another user.
func ownLike(dir string, like os.FileInfo) error {
	owner, ok := like.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	err := os.Chown(dir, int(owner.Uid), int(owner.Gid))
	names, listErr := os.ReadDir(dir)
	for _, name := range names {
		err = errors.Join(err, os.Lchown(filepath.Join(dir, name.Name()), int(owner.Uid), int(owner.Gid)))
	}
	return errors.Join(err, listErr)
}

// sameDisk reports whether two folders are on one file system, so that one can be moved next to the other.
func sameDisk(a, b os.FileInfo) bool {
	x, okX := a.Sys().(*syscall.Stat_t)
	y, okY := b.Sys().(*syscall.Stat_t)
	return !okX || !okY || x.Dev == y.Dev
}
