package bolt

import (
	"encoding/binary"
	"hash/fnv"
	"io"
)

// metaPage is what bbolt's first two pages say, whichever of them is the newer; see bbolt's internal/common/meta.go.
type metaPage struct {
	root     uint64 // the page of the root bucket
	freelist uint64 // the page that lists the free ones
	pages    uint64 // how many pages the file has in use, from its beginning
	txid     uint64 // the last transaction's number
}

// readMeta reads a file's meta pages. At least one of them must be whole.
func readMeta(file io.ReaderAt, pageSize int) (newest metaPage, err error) {
	const header, sum, size = 16, 16 + 56, 16 + 64
	found := false
	for i := range int64(2) {
		var b [size]byte
		if _, err := file.ReadAt(b[:], i*int64(pageSize)); err != nil && err != io.EOF {
			return newest, err
		}
		number := func(at int) uint64 { return binary.NativeEndian.Uint64(b[header+at:]) }
		check := fnv.New64a()
		check.Write(b[header:sum])
		page := metaPage{root: number(16), freelist: number(32), pages: number(40), txid: number(48)}
		if check.Sum64() == number(56) && (!found || newest.txid < page.txid) {
			newest, found = page, true
		}
	}
	if !found {
		return newest, panicError{"neither of its meta pages can be read"}
	}
	return newest, nil
}
