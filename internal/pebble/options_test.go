package pebble

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestPebblesFatalErrorsAreReportedAndDoNotEndTheProcess(t *testing.T) {
	var reported error
	on := quietly
	on.fatal = func(err error) { reported = err }
	options(vfs.NewMem(), on).Logger.Fatalf("no way on: %d", 1)
	if reported == nil || reported.Error() != "no way on: 1" {
		t.Errorf("reported %v", reported)
	}
}
