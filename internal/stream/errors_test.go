package stream_test

import (
	"errors"
	"strings"
	"testing"

	"iris-broadcast/internal/stream"
)

func TestABugIsNotShownToTheClient(t *testing.T) {
	e := stream.AsError(errors.New("secret"))
	if e.Code != stream.Internal || strings.Contains(e.Detail, "secret") {
		t.Errorf("got %v", e)
	}
}
