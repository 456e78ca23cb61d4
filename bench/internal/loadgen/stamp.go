// Package loadgen is the load client: thousands of SSE streams on a few epoll loops, publishers, and the proof that
// every event came once and in order. All three programs use it. It needs Linux.
package loadgen

// StampSize is the length of a stamp in bytes, and so the smallest event.
const StampSize = len("@pppp.ssssssss.tttttttttttttttt")

// Stamp begins the data of each published event, in hexadecimal of fixed width, so that parsing takes nanoseconds.
type Stamp struct {
	Publisher uint16
	Sequence  uint32 // of this publisher on this topic, from 1
	Planned   int64  // the planned time of sending, Unix time in nanoseconds
}

const hexDigits = "0123456789abcdef"

// hexValue is the value of a hexadecimal digit, 0xff of any other byte.
var hexValue = func() (table [256]byte) {
	for i := range table {
		table[i] = 0xff
	}
	for i := range hexDigits {
		table[hexDigits[i]] = byte(i)
	}
	return table
}()

// AppendStamp appends s to dst, padded to size bytes, and returns the longer
// slice. A size below StampSize is StampSize.
func AppendStamp(dst []byte, s Stamp, size int) []byte {
	end := len(dst) + max(size, StampSize)
	dst = append(dst, '@')
	dst = appendHex(dst, uint64(s.Publisher), 4)
	dst = append(dst, '.')
	dst = appendHex(dst, uint64(s.Sequence), 8)
	dst = append(dst, '.')
	dst = appendHex(dst, uint64(s.Planned), 16)
	for len(dst) < end {
		dst = append(dst, '.')
	}
	return dst
}

func appendHex(dst []byte, v uint64, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[v>>shift&0xf])
	}
	return dst
}

// ParseStamp reads the stamp that data begins with; ok is false if there is none.
func ParseStamp(data []byte) (s Stamp, ok bool) {
	if len(data) < StampSize || data[0] != '@' || data[5] != '.' || data[14] != '.' {
		return Stamp{}, false
	}
	publisher, ok1 := parseHex(data[1:5])
	sequence, ok2 := parseHex(data[6:14])
	planned, ok3 := parseHex(data[15:31])
	s = Stamp{Publisher: uint16(publisher), Sequence: uint32(sequence), Planned: int64(planned)}
	return s, ok1 && ok2 && ok3
}

func parseHex(digits []byte) (v uint64, ok bool) {
	var seen byte
	for _, c := range digits {
		d := hexValue[c]
		seen |= d
		v = v<<4 | uint64(d&0xf)
	}
	return v, seen <= 0xf
}
