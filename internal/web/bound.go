package web

import (
	"context"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/stream"
)

// boundedLog refuses events with more than max bytes of data, whichever way they came in.
type boundedLog struct {
	stream.Log
	max int64
}

// Append implements stream.Log.
func (l boundedLog) Append(ctx context.Context, events ...stream.Event) ([]stream.ID, error) {
	for _, e := range events {
		if int64(len(e.Data)) > l.max {
			return nil, tooLarge(l.max)
		}
	}
	return l.Log.Append(ctx, events...)
}

// boundedBoard applies the same bound to comments, since each is an event as well.
type boundedBoard struct {
	board.Store
	max int64
}

// AddComment implements board.Store.
func (b boundedBoard) AddComment(ctx context.Context, c board.Comment) error {
	if int64(len(board.Commented(c).Data)) > b.max {
		return tooLarge(b.max)
	}
	return b.Store.AddComment(ctx, c)
}

func tooLarge(max int64) error {
	return stream.Errorf(stream.TooLarge, "An event's data is at most %d bytes here; -max-data sets the limit.", max)
}
