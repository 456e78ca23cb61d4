//go:build unix

package harness

import (
	"os"
	"syscall"
)

// lock waits until this process alone has the lock of that file.
func lock(file string) (unlock func() error, err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, err
	}
	return f.Close, syscall.Flock(int(f.Fd()), syscall.LOCK_EX) // which closing releases
}
