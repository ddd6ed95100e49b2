package app

import (
	"io"
	"log/slog"
	"strings"
)

// NewLogger returns a logger that writes lines of the given format ("json",
// "json_pretty", "text", "gelf" or empty) at the given level, in Kratos's words:
// panic and fatal stand for error, trace for debug, and empty for info.
func NewLogger(out io.Writer, level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: logLevel(level)}
	if strings.HasPrefix(format, "json") || format == "gelf" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

func logLevel(level string) slog.Level {
	switch strings.ToLower(level) {
	case "panic", "fatal", "error":
		return slog.LevelError
	case "warn", "warning":
		return slog.LevelWarn
	case "debug", "trace":
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}
