package web

import (
	"bufio"
	"math"
	"strings"
	"time"

	"iris-broadcast/internal/audit"
	"iris-broadcast/internal/stream"
)

// exportFormat is a file format for exported audits.
type exportFormat struct {
	extension, contentType string
	header                 string // first line of the file, "" for none
	line                   func(audit.Record) string
}

var exportFormats = map[string]exportFormat{
	"jsonl": {"jsonl", "application/jsonl; charset=utf-8", "", jsonLine},
	"csv": {"csv", "text/csv; charset=utf-8",
		csvRow("id", "created_at", "actor", "action", "target", "details"), csvLine},
}

// export writes all matching records as a file while reading them, so memory use does not grow with the export.
func (r *reader) export(q auditQuery, from stream.Query, format exportFormat) error {
	setHeader(r.ctx, "Cache-Control", "no-store")
	setHeader(r.ctx, "Content-Disposition", `attachment; filename="audits.`+format.extension+`"`)
	setHeader(r.ctx, "Content-Type", format.contentType)
	out := bufio.NewWriterSize(r.ctx.ResponseWriter(), partBytes)
	out.WriteString(format.header)
	if q.start.Kind == stream.Live { // a file has everything unless it is to begin elsewhere
		from.Newest, from.Anywhere = 0, true
		from.After = stream.ID{}
	}
	from.Limit = 0
	gone := false
	for more := true; more && !gone; {
		to, err := r.scan(from, math.MaxInt, func(e stream.Event) bool {
			if record, ok := q.Record(e); ok {
				extendDeadline(r.ctx, answerTimeout)
				_, err := out.WriteString(format.line(record))
				gone = err != nil
			}
			return !gone
		})
		if err != nil {
			return err
		}
		from.After, from.Newest, more = to.reached, 0, to.more
	}
	out.Flush()
	return nil
}

func jsonLine(r audit.Record) string { return stream.MustJSON(r) + "\n" }

func csvLine(r audit.Record) string {
	return csvRow(cell(r.ID), r.CreatedAt.Format(time.RFC3339Nano), cell(r.Actor), cell(r.Action), cell(r.Target),
		cell(string(r.Details)))
}

// csvRow is a row of a CSV file with every field quoted (RFC 4180, section 2).
func csvRow(fields ...string) string {
	quoted := make([]string, len(fields))
	for i, field := range fields {
		quoted[i] = `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
	}
	return strings.Join(quoted, ",") + "\r\n"
}

// cell keeps spreadsheets from taking a visitor's text for a formula (OWASP, "CSV Injection").
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
