package bolt

import (
	"encoding/binary"
	"io"
)

// walk checks what holds a file together before bbolt opens it for writing: the root pages of all buckets, the branches
// below them, and the list of free pages. It does not read the leaves that hold the events. bbolt trusts all this: where it
// is damaged it may panic, recurse for ever, or write over what is still in use. See bbolt's internal/common/page.go.
type walk struct {
	file     io.ReaderAt
	pageSize int
	used     []bool // by page: whether something refers to it
}

const (
	branchFlag   = 0x01
	leafFlag     = 0x02
	freelistFlag = 0x10

	elementSize = 16 // of both kinds of page, and of a page's header
	maxDepth    = 32 // no tree is deeper that fits on a disk
)

// page is one page, or the one that a small bucket has within its parent's.
type page struct {
	flags, count int
	body         []byte // with the header
}

func parsePage(b []byte) (page, error) {
	if len(b) < elementSize {
		return page{}, errDamaged
	}
	p := page{int(binary.NativeEndian.Uint16(b[8:])), int(binary.NativeEndian.Uint16(b[10:])), b}
	if p.flags != freelistFlag && elementSize*(1+p.count) > len(b) {
		return page{}, errDamaged
	}
	return p, nil
}

// number is the field of an element that is at bytes behind its beginning.
func (p page) number(element, at int) int {
	return int(binary.NativeEndian.Uint32(p.body[elementSize*(1+element)+at:]))
}

// child is where an element of a branch points to.
func (p page) child(element int) uint64 {
	return binary.NativeEndian.Uint64(p.body[elementSize*(1+element)+8:])
}

// leaf is an element of a leaf: whether it is a bucket, its key and its value.
func (p page) leaf(element int) (isBucket bool, key, value []byte, err error) {
	at := elementSize*(1+element) + p.number(element, 4)
	end := at + p.number(element, 8)
	if end+p.number(element, 12) > len(p.body) {
		return false, nil, nil, errDamaged
	}
	return p.number(element, 0) == 1, p.body[at:end], p.body[end : end+p.number(element, 12)], nil
}

// read reads a page with what it overflows into.
func (w *walk) read(id uint64) (page, error) {
	var header [elementSize]byte
	if _, err := w.file.ReadAt(header[:], int64(id)*int64(w.pageSize)); err != nil {
		return page{}, errDamaged
	}
	length := 1 + uint64(binary.NativeEndian.Uint32(header[12:]))
	if binary.NativeEndian.Uint64(header[:]) != id || id+length > uint64(len(w.used)) {
		return page{}, errDamaged
	}
	b := make([]byte, length*uint64(w.pageSize))
	if n, _ := w.file.ReadAt(b, int64(id)*int64(w.pageSize)); n < len(b) {
		return page{}, errDamaged
	}
	return parsePage(b)
}

// use notes that something refers to a page; nothing else may.
func (w *walk) use(id uint64) error {
	if id < 2 || id >= uint64(len(w.used)) || w.used[id] {
		return errDamaged
	}
	w.used[id] = true
	return nil
}

// bucket walks the tree below a bucket's root page. each gets every page of it that is a leaf; if it is nil, leaves are not
// read.
func (w *walk) bucket(root uint64, each func(page) error) error {
	if err := w.use(root); err != nil {
		return err
	}
	p, err := w.read(root)
	if err != nil {
		return err
	}
	return w.tree(p, each, maxDepth)
}

func (w *walk) tree(p page, each func(page) error, depth int) error {
	switch {
	case p.flags == leafFlag && each != nil:
		return each(p)
	case p.flags == leafFlag:
		return nil
	case p.flags != branchFlag || p.count == 0 || depth == 0:
		return errDamaged
	}
	for i := range p.count {
		if at := elementSize*(1+i) + p.number(i, 0); at+p.number(i, 4) > len(p.body) {
			return errDamaged
		}
		if err := w.use(p.child(i)); err != nil {
			return err
		}
	}
	for i := range p.count {
		child, err := w.read(p.child(i))
		if err != nil {
			return err
		}
		if child.flags == leafFlag && each == nil {
			return nil // a tree is as deep everywhere, so the others are leaves, too
		}
		if err := w.tree(child, each, depth-1); err != nil {
			return err
		}
	}
	return nil
}

// nested walks a bucket of buckets, and calls each with the leaves of those in it.
func (w *walk) nested(p page, each func(name []byte) func(page) error) error {
	for i := range p.count {
		isBucket, name, value, err := p.leaf(i)
		switch {
		case err != nil:
			return err
		case !isBucket || len(value) < elementSize:
			return errDamaged
		}
		if root := binary.NativeEndian.Uint64(value); root != 0 {
			err = w.bucket(root, each(name))
		} else {
			err = w.inline(value[elementSize:])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inline checks a bucket so small that it is within its parent's page.
func (w *walk) inline(b []byte) error {
	p, err := parsePage(b)
	if err != nil || p.flags != leafFlag {
		return errDamaged
	}
	for i := range p.count {
		if _, _, _, err := p.leaf(i); err != nil {
			return err
		}
	}
	return nil
}

// freelist checks that no page in use is in the list of those that are free.
func (w *walk) freelist(id uint64) error {
	if err := w.use(id); err != nil {
		return err
	}
	p, err := w.read(id)
	if err != nil || p.flags != freelistFlag {
		return errDamaged
	}
	ids, count := p.body[elementSize:], uint64(p.count)
	if count == 0xFFFF { // then the first number says how many
		count, ids = binary.NativeEndian.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return errDamaged
	}
	for i := range count {
		if err := w.use(binary.NativeEndian.Uint64(ids[8*i:])); err != nil {
			return err
		}
	}
	return nil
}

// check walks a whole file.
func check(file io.ReaderAt, pageSize int) error {
	meta, err := readMeta(file, pageSize)
	if err != nil {
		return err
	}
	w := &walk{file, pageSize, make([]bool, meta.pages)}
	leaves := func(p page) error { return w.inline(p.body) }
	topics := func(p page) error {
		return w.nested(p, func([]byte) func(page) error { return nil })
	}
	err = w.bucket(meta.root, func(p page) error {
		return w.nested(p, func(name []byte) func(page) error {
			if string(name) == string(topicsBucket) {
				return topics
			}
			return leaves
		})
	})
	if err != nil {
		return err
	}
	return w.freelist(meta.freelist)
}
