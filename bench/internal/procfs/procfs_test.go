package procfs

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
)

func TestThisProcessListensComputesAndHasMemory(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pid, ok := Listener(netip.MustParseAddrPort(l.Addr().String()))
	if !ok || pid != os.Getpid() {
		t.Fatalf("Listener: %d, %v; want %d", pid, ok, os.Getpid())
	}
	if m := Memory([]int{pid}); m < 1<<20 {
		t.Errorf("Memory: %d bytes", m)
	}
	if CPU([]int{pid}) < 0 {
		t.Error("CPU is below 0")
	}
	if !slices.Contains(Tree(os.Getppid()), pid) {
		t.Error("this process is missing in its parent's tree")
	}
}

func TestOnlySocketsThatListenOnThePortCount(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1
   1: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 222 1
   2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1
`
	if got := listening(table, 8080); !slices.Equal(got, []string{"111"}) {
		t.Errorf("got %v", got)
	}
}
