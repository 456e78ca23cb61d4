package memory

import (
	"slices"

	"iris-broadcast/internal/stream"
)

// blockSize is how many entries a block has at most.
const blockSize = 512

// order is all entries in log order, in blocks. Removed ones stay until most of their block is dead.
type order struct{ blocks []*block }

type block struct {
	entries []*entry // oldest first, never empty
	live    int      // of entries
}

func (o *order) push(e *entry) {
	last := len(o.blocks) - 1
	if last < 0 || len(o.blocks[last].entries) == blockSize {
		o.blocks = append(o.blocks, &block{})
		last++
	}
	b := o.blocks[last]
	b.entries, b.live, e.block = append(b.entries, e), b.live+1, b
}

// remove removes an entry. A block that is only a quarter live is packed, and joins the one before it if that has room:
// blocks and dead entries stay proportional to what is stored.
func (o *order) remove(e *entry) {
	b := e.block
	e.block = nil
	b.live--
	if 4*b.live > len(b.entries) || len(b.entries) < blockSize && b == o.blocks[len(o.blocks)-1] {
		return
	}
	at := o.find(e.ID)
	b.entries = slices.DeleteFunc(b.entries, func(e *entry) bool { return e.block == nil })
	if b.live == 0 {
		o.blocks = slices.Delete(o.blocks, at, at+1)
		return
	}
	if at == 0 || len(o.blocks[at-1].entries)+b.live > blockSize/2 {
		b.entries = slices.Clip(slices.Clone(b.entries))
		return
	}
	before := o.blocks[at-1]
	for _, e := range b.entries {
		e.block = before
	}
	before.entries = append(before.entries, b.entries...)
	before.live += b.live
	o.blocks = slices.Delete(o.blocks, at, at+1)
}

// find is the index of the first block that ends at that ID or after it.
func (o *order) find(id stream.ID) int {
	at, _ := slices.BinarySearchFunc(o.blocks, id, func(b *block, id stream.ID) int {
		return b.entries[len(b.entries)-1].ID.Compare(id)
	})
	return at
}

// search is the index of the first entry that is not before id.
func search(entries []*entry, id stream.ID) (int, bool) {
	return slices.BinarySearchFunc(entries, id, func(e *entry, id stream.ID) int { return e.ID.Compare(id) })
}

// queue is the entries of one topic, oldest first.
type queue struct {
	entries []*entry
	gone    int // removed from the front since the array was last copied
}

func (q *queue) push(e *entry) { q.entries = append(q.entries, e) }

// pop removes the oldest entry.
func (q *queue) pop() {
	q.entries[0] = nil
	q.entries = q.entries[1:]
	if q.gone++; q.gone > 2*len(q.entries)+16 {
		q.entries, q.gone = slices.Clone(q.entries), 0
	}
}
