package pebble

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// Pebble's log and MANIFEST are records in blocks of 32 KiB. Each piece of a record has a header: checksum, length,
// kind and, in a log, the log's number and how far the log was synced when the piece was written; see Pebble's package
// record.
//
// Pebble takes damage at the end of a log, and anywhere in a MANIFEST, for a write cut short by a crash, and silently
// continues without the rest: events, or whole tables, would be lost. Hence this check, which must run before Pebble
// opens a store.
const (
	recordBlock = 32 << 10

	plainHeader = 7  // checksum, length, kind
	reuseHeader = 11 // plus the log's number
	syncHeader  = 19 // plus the synced offset
)

// headerSizes is by kind; the size of an unknown kind is 0.
var headerSizes = [256]int{
	1: plainHeader, plainHeader, plainHeader, plainHeader,
	reuseHeader, reuseHeader, reuseHeader, reuseHeader,
	syncHeader, syncHeader, syncHeader, syncHeader,
}

const trailerKind = 5 // and the next log's number: a log that was closed ends with it

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is Pebble's, which masks the CRC.
func checksum(b []byte) uint32 { return mask(crc32.Checksum(b, castagnoli)) }

func mask(crc uint32) uint32 { return bits.RotateLeft32(crc, 17) + 0xa282ead8 }

func unmask(sum uint32) uint32 { return bits.RotateLeft32(sum-0xa282ead8, -17) }

// records is the contents of a log, or of a MANIFEST, whose number is 0.
type records struct {
	data   []byte
	number uint32
}

// damaged returns the offset of the first piece that cannot be read though it was written completely, or -1. What a
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
			return -1 // a recycled file's old contents, or a write cut short by a crash
		default:
			return at
		}
	}
	return -1
}

// block is the rest of the block that an offset is in.
func (r records) block(at int) []byte {
	return r.data[at:min(len(r.data), (at/recordBlock+1)*recordBlock)]
}

// piece returns the size, header included, of the intact piece at the start of b, and its log's number; 0 if there is
// none.
func piece(b []byte) (size int, number uint32) {
	if len(b) < plainHeader || headerSizes[b[6]] == 0 {
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

// lost reports whether the unreadable piece at an offset had been written completely: flipping one bit repairs it, or
// what follows proves that it was synced. A MANIFEST is written atomically except for its end.
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

// cutShort reports whether the file ends within the piece at the start of b.
func cutShort(b []byte) bool {
	header := headerSizes[b[6]]
	return len(b) < recordBlock && header > 0 && header+int(binary.LittleEndian.Uint16(b[4:])) > len(b)
}

func (r records) trailer(b []byte) bool {
	return len(b) >= reuseHeader && zero(b[:6]) && b[6] == trailerKind &&
		binary.LittleEndian.Uint32(b[7:]) == r.number+1
}

// proven reports whether an intact piece after an offset was written when that offset had been synced.
func (r records) proven(at int) bool {
	for next := at + 1; next < len(r.data); next++ {
		rest := r.block(next)
		if len(rest) < plainHeader || headerSizes[rest[6]] == 0 {
			continue
		}
		if r.number == 0 {
			if size, number := piece(rest); size > plainHeader && number == 0 {
				return true
			}
			continue
		}
		if headerSizes[rest[6]] < syncHeader || len(rest) < syncHeader ||
			binary.LittleEndian.Uint32(rest[7:]) != r.number {
			continue
		}
		if size, _ := piece(rest); size > 0 && binary.LittleEndian.Uint64(rest[11:]) > uint64(at) {
			return true
		}
	}
	return false
}

// oneBitOff reports whether flipping one bit makes b start with a piece of that log. A write cut short is not like
// that.
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
			case bit >= 0 && differs == 0 && headerSizes[b[6]] == header:
				return true
			case bit < 0 && (bits.OnesCount32(checksum(b[6:size])^sum) == 1 || flipped(differs, size-6)):
				return true
			}
		}
	}
	return false
}

// flipped reports whether the difference of two CRCs is that of one flipped bit in n bytes.
func flipped(differs uint32, n int) bool {
	var bit [8]uint32 // the difference for each bit of the last byte
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
