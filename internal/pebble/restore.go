package pebble

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Restore replaces a store by a copy of a folder that nobody changes, and returns where the former store is now, "" if
// there was none. Both the folder and the copy are checked first.
func Restore(ctx context.Context, from, store string, progress Progress) (sum Summary, before string, err error) {
	if a, err := os.Stat(from); err == nil {
		if b, err := os.Stat(store); err == nil && os.SameFile(a, b) {
			return sum, "", fmt.Errorf("%s is the store itself; name a backup", from)
		}
	}
	p, err := takePlace(store)
	if err != nil {
		return sum, "", err
	}
	defer p.release()
	_, found, err := check(ctx, vfs.Default, from, progress)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("%s is damaged, and the store is unchanged; restore another backup (%v)", from, found[0])
	}
	if err != nil {
		return sum, "", err
	}
	d, err := newDraft(vfs.Default, p.store+restoring)
	if err != nil {
		return sum, "", err
	}
	if sum, err = d.fill(ctx, from, check, progress); err != nil {
		return sum, "", errors.Join(err, d.discard())
	}
	before, err = p.put(d)
	return sum, before, err
}
