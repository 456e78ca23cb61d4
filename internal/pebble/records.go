package pebble

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// Pebble keeps its log and its MANIFEST as records in blocks of 32 KiB. Each piece of a record has a header:
// checksum, length, kind, and in a log the log's number and how much of it had been synced when the piece was
// written; see Pebble's package record.
//
// Reading them, Pebble takes what is damaged at the end of a log, and anywhere in a MANIFEST, for the end of a write
// that a crash cut short, and goes on without the rest: events, or whole tables, would be gone without a word. Hence
// this check, which is to be made before Pebble opens a store.
const (
	recordBlock = 32 << 10

	plainHeader = 7  // checksum, length, kind
	reuseHeader = 11 // and the log's number
	syncHeader  = 19 // and the offset that is synced
)

// headerSizes are by kind.
var headerSizes = [...]int{
	0,
	plainHeader, plainHeader, plainHeader, plainHeader,
	reuseHeader, reuseHeader, reuseHeader, reuseHeader,
	syncHeader, syncHeader, syncHeader, syncHeader,
}

const trailerKind = 5 // with the number of the next log: the end of one that was closed

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is Pebble's, which masks the CRC.
func checksum(b []byte) uint32 { return mask(crc32.Checksum(b, castagnoli)) }

func mask(crc uint32) uint32 { return bits.RotateLeft32(crc, 17) + 0xa282ead8 }

func unmask(sum uint32) uint32 { return bits.RotateLeft32(sum-0xa282ead8, -17) }

// records are the bytes of a log, or of a MANIFEST: then number is 0.
type records struct {
	data   []byte
	number uint32
}

// damaged gives the offset of the first piece that cannot be read though it had been written whole, or -1. What a
// crash may leave at the end is not damage.
func (r records) damaged() int {
	for at := 0; at < len(r.data); {
		rest := r.block(at)
		if len(rest) < plainHeader {
			at += len(rest)
			continue
		}
		size, number := piece(rest)
		switch {
		case size > 0 && number == r.number:
			at += size
		case size == 0 && zero(rest[:min(len(rest), syncHeader)]) && len(rest) < syncHeader:
			at += len(rest) // padding
		case size > 0 || !r.lost(at):
			return -1 // what the file held before it became this log, or what a crash has cut short
		default:
			return at
		}
	}
	return -1
}

// block is what follows in the block of an offset.
func (r records) block(at int) []byte {
	return r.data[at:min(len(r.data), (at/recordBlock+1)*recordBlock)]
}

// piece gives the size of the whole piece at the beginning of b, header and all, and its log's number; 0 if there is
// none.
func piece(b []byte) (size int, number uint32) {
	if len(b) < plainHeader || int(b[6]) >= len(headerSizes) || headerSizes[b[6]] == 0 {
		return 0, 0
	}
	header := headerSizes[b[6]]
	size = header + int(binary.LittleEndian.Uint16(b[4:]))
	if size > len(b) || checksum(b[6:size]) != binary.LittleEndian.Uint32(b) {
		return 0, 0
	}
	if header > plainHeader {
		number = binary.LittleEndian.Uint32(b[7:])
	}
	return size, number
}

// lost says whether the unreadable piece at an offset had been written whole: one flipped bit mends it, or what comes
// after it proves that it was synced. A MANIFEST is written whole or not at all but for its end.
func (r records) lost(at int) bool {
	rest := r.block(at)
	switch {
	case zero(r.data[at:]):
		return false
	case oneBitOff(rest, r.number):
		return true
	case r.number == 0:
		return len(rest) >= plainHeader && !cutShort(rest) || r.proven(at)
	case r.trailer(rest):
		return false
	}
	return r.proven(at)
}

// cutShort says that a file ends within the piece that b begins with.
func cutShort(b []byte) bool {
	return len(b) < recordBlock && int(b[6]) < len(headerSizes) && headerSizes[b[6]] > 0 &&
		headerSizes[b[6]]+int(binary.LittleEndian.Uint16(b[4:])) > len(b)
}

func (r records) trailer(b []byte) bool {
	return len(b) >= reuseHeader && zero(b[:6]) && b[6] == trailerKind && binary.LittleEndian.Uint32(b[7:]) == r.number+1
}

// proven says whether a whole piece after an offset was written when that offset had been synced.
func (r records) proven(at int) bool {
	for next := at + 1; next < len(r.data); next++ {
		rest := r.block(next)
		if len(rest) < plainHeader || int(rest[6]) >= len(headerSizes) || headerSizes[rest[6]] == 0 {
			continue
		}
		if r.number == 0 {
			if size, number := piece(rest); size > plainHeader && number == 0 {
				return true
			}
			continue
		}
		if headerSizes[rest[6]] < syncHeader || len(rest) < syncHeader || binary.LittleEndian.Uint32(rest[7:]) != r.number {
			continue
		}
		if size, _ := piece(rest); size > 0 && binary.LittleEndian.Uint64(rest[11:]) > uint64(at) {
			return true
		}
	}
	return false
}

// oneBitOff says whether b begins with a piece of that log but for one bit. A write that was cut short does not.
func oneBitOff(b []byte, number uint32) bool {
	if len(b) < plainHeader {
		return false
	}
	sum, length := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:])
	for _, header := range []int{plainHeader, reuseHeader, syncHeader} {
		if (header > plainHeader) != (number != 0) {
			continue
		}
		for bit := -1; bit < 16; bit++ {
			size := header + int(length)
			if bit >= 0 {
				size = header + int(length^1<<bit)
			}
			if size > len(b) {
				continue
			}
			differs := crc32.Checksum(b[6:size], castagnoli) ^ unmask(sum)
			switch {
			case bit >= 0 && differs == 0 && headerSizes[min(int(b[6]), 12)] == header:
				return true
			case bit < 0 && (bits.OnesCount32(checksum(b[6:size])^sum) == 1 || flipped(differs, size-6)):
				return true
			}
		}
	}
	return false
}

// flipped says whether that difference of two CRCs is that of one bit in n bytes.
func flipped(differs uint32, n int) bool {
	var bit [8]uint32 // the difference for each bit of a byte, the last one first
	for i := range bit {
		bit[i] = castagnoli[1<<i]
	}
	for range n {
		for i, crc := range bit {
			if crc == differs {
				return true
			}
			bit[i] = castagnoli[byte(crc)] ^ crc>>8
		}
	}
	return false
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
