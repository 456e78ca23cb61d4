package pebble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/dustin/go-humanize"
)

// Progress is called now and then with how far some work has come, in bytes.
type Progress func(what string, done, total int64)

// spareRoom is left free on a copy's disk, in bytes: a server may have its store there.
const spareRoom = reserveSize + 4*headroom

// Backup copies a folder that nobody changes, a store or a snapshot of Store.Moment, to a new one. The copy is checked
// before it gets its name; until then it is to.partial.
//
// Every byte is copied: with links, a bad disk block would damage both.
func Backup(ctx context.Context, store, from, to string, progress Progress) (Summary, error) {
	to = filepath.Clean(to)
	if _, err := os.Lstat(to); err == nil {
		return Summary{}, fmt.Errorf("%s exists already; name a new folder", to)
	}
	parent, err := filepath.Abs(filepath.Dir(to))
	if err == nil {
		parent, err = filepath.EvalSymlinks(parent)
	}
	if err != nil {
		return Summary{}, fmt.Errorf("the parent folder of the copy: %w", err)
	}
	if inside(parent, store) {
		return Summary{}, fmt.Errorf("%s is inside the store %s; put the copy elsewhere, ideally on another disk", to,
			store)
	}
	return backup(ctx, vfs.Default, from, to, check, progress)
}

// inside reports whether a folder, absolute and with links resolved, is another one or lies inside it.
func inside(folder, other string) bool {
	other, err := filepath.Abs(other)
	if err == nil {
		other, err = filepath.EvalSymlinks(other)
	}
	if err != nil {
		return false
	}
	rest, err := filepath.Rel(other, folder)
	return err == nil && rest != ".." && !strings.HasPrefix(rest, ".."+string(filepath.Separator))
}

// checker is check, or a test's stand-in.
type checker func(context.Context, vfs.FS, string, Progress) (Summary, []finding, error)

func backup(
	ctx context.Context, files vfs.FS, from, to string, verify checker, progress Progress,
) (sum Summary, err error) {
	d, err := newDraft(files, to+".partial")
	if err != nil {
		return sum, err
	}
	if sum, err = d.fill(ctx, from, verify, progress); err == nil {
		err = d.whole()
	}
	if err == nil {
		err = publish(files, d.dir, to)
	}
	if err != nil {
		return sum, errors.Join(err, d.discard())
	}
	return sum, d.settled(to)
}

// fill copies a store into the draft, and checks the copy.
func (d *draft) fill(ctx context.Context, from string, verify checker, progress Progress) (sum Summary, err error) {
	names, total, err := filesOf(d.files, from)
	if err != nil {
		return sum, err
	}
	if err := hasRoom(d.files, d.dir, total); err != nil {
		return sum, err
	}
	copied := &copying{ctx: ctx, total: total, progress: progress}
	for _, name := range names {
		if err := copied.file(d.files, d.files.PathJoin(from, name), d.files.PathJoin(d.dir, name)); err != nil {
			if noSpace(err) {
				err = fmt.Errorf("the disk is too full for the copy of %s; free some space, or use another disk (%w)",
					humanize.IBytes(uint64(total)), err)
			}
			return sum, err
		}
	}
	sum, found, err := verify(ctx, d.files, d.dir, progress)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("the copy is damaged, and perhaps the store too: run `iris-broadcast check` (%v)", found[0])
	}
	return sum, err
}

// hasRoom checks that a folder's disk has space for that many bytes, where that can be known.
func hasRoom(files vfs.FS, dir string, bytes int64) error {
	usage, err := files.GetDiskUsage(dir)
	if err != nil || usage.AvailBytes >= uint64(bytes+spareRoom) {
		return nil
	}
	return fmt.Errorf("not enough space: this takes %s and leaves %s free, and the disk of %s has %s free",
		humanize.IBytes(uint64(bytes)), humanize.IBytes(spareRoom), dir, humanize.IBytes(usage.AvailBytes))
}

// filesOf lists the files that make up a store, and their total size in bytes. Other files in its folder belong to the
// process that has it open.
func filesOf(files vfs.FS, dir string) (names []string, total int64, err error) {
	all, err := files.List(dir)
	for _, name := range all {
		kind, _, _ := strings.Cut(strings.ReplaceAll(name, "-", "."), ".")
		extension := filepath.Ext(name)
		if !slices.Contains([]string{"MANIFEST", "OPTIONS", "marker"}, kind) && extension != ".sst" &&
			extension != ".log" {
			continue
		}
		info, err := files.Stat(files.PathJoin(dir, name))
		if err != nil {
			return nil, 0, err
		}
		names, total = append(names, name), total+info.Size()
	}
	return names, total, err
}

// copying is a copy in progress.
type copying struct {
	ctx         context.Context
	done, total int64
	progress    Progress
}

func (c *copying) file(files vfs.FS, from, to string) (err error) {
	source, err := files.Open(from, vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := files.Create(to, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{target}, io.TeeReader(source, c), make([]byte, 1<<20))
	if err == nil {
		err = target.Sync()
	}
	return errors.Join(err, target.Close())
}

// Write counts what is copied, and stops the copy when ctx ends.
func (c *copying) Write(p []byte) (int, error) {
	c.done += int64(len(p))
	c.progress("copying", c.done, c.total)
	return len(p), c.ctx.Err()
}

// stoppable is a file system that opens no more files once ctx has ended.
type stoppable struct {
	vfs.FS
	ctx context.Context
}

func (s stoppable) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return s.FS.Open(name, options...)
}
