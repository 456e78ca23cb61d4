package pebble

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestPebblesFatalErrorsAreReportedAndDoNotEndTheProcess(t *testing.T) {
	var told error
	on := quietly
	on.fatal = func(err error) { told = err }
	options(vfs.NewMem(), on).Logger.Fatalf("no way on: %d", 1)
	if told == nil || told.Error() != "no way on: 1" {
		t.Errorf("told %v", told)
	}
}
