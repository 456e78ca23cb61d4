package pebble

import (
	"bytes"
	"math/bits"
	"strings"
	"testing"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// liveLog is the log and the MANIFEST of a store with a few events, as a crash would leave them.
func liveLog(t *testing.T, events uint64) (log, manifest records) {
	t.Helper()
	fs := vfs.NewCrashableMem()
	db, err := lsm.Open("store", smallOptions(fs))
	if err != nil {
		t.Fatal(err)
	}
	for n := range events {
		if err := db.Set(key(n), worded(n), lsm.Sync); err != nil {
			t.Fatal(err)
		}
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	names, _ := storeFiles(t, crashed)
	for _, name := range names {
		data, err := readFile(crashed, "store/"+name)
		if err != nil {
			t.Fatal(err)
		}
		if number, ok := logNumber(name); ok {
			log = records{data, number}
		}
		if strings.HasPrefix(name, "MANIFEST") {
			manifest = records{data, 0}
		}
	}
	return log, manifest
}

func TestEveryFlippedBitOfALogOrManifestIsFoundEvenInItsLastRecord(t *testing.T) {
	log, manifest := liveLog(t, 4)
	for name, r := range map[string]records{"log": log, "MANIFEST": manifest} {
		if at := r.damaged(); at >= 0 || len(r.data) < 20 {
			t.Fatalf("%s: %d bytes, damaged at %d", name, len(r.data), at)
		}
		end := len(bytes.TrimRight(r.data, "\x00"))
		missed := 0
		for at := range end {
			for bit := range 8 {
				r.data[at] ^= 1 << bit
				if r.damaged() < 0 {
					missed++
				}
				r.data[at] ^= 1 << bit
			}
		}
		if missed > 0 {
			t.Errorf("%s: %d of %d flipped bits are missed", name, missed, end*8)
		}
	}
}

func TestAWriteCutShortByACrashIsNotTakenForDamage(t *testing.T) {
	log, manifest := liveLog(t, 4)
	for name, r := range map[string]records{"log": log, "MANIFEST": manifest} {
		end := len(bytes.TrimRight(r.data, "\x00"))
		if at := (records{append(bytes.Clone(r.data[:end]), make([]byte, 100)...), r.number}).damaged(); at >= 0 {
			t.Errorf("%s: longer than what was written, damaged at %d", name, at)
		}
		for cut := range end {
			if at := (records{r.data[:cut], r.number}).damaged(); at >= 0 {
				t.Fatalf("%s: cut at %d, damaged at %d", name, cut, at)
			}
			if name == "MANIFEST" || flippedBits(r.data[cut:end]) < 2 { // a single one is taken for damage
				continue
			}
			zeroed := bytes.Clone(r.data)
			clear(zeroed[cut:])
			if at := (records{zeroed, r.number}).damaged(); at >= 0 {
				t.Fatalf("%s: zero from %d of %d, damaged at %d", name, cut, end, at)
			}
		}
	}
}

// flippedBits is how many bits zeroing the bytes changes.
func flippedBits(b []byte) (n int) {
	for _, c := range b {
		n += bits.OnesCount8(c)
	}
	return n
}

func TestDamageInTheMiddleOfALogIsFoundByWhatComesAfterIt(t *testing.T) {
	log, _ := liveLog(t, 1000)
	clear(log.data[20_000:20_100]) // no single bit
	if at := log.damaged(); at < 0 || at > 20_100 {
		t.Errorf("damaged at %d, want shortly before 20000", at)
	}
}
