package qa

// The first and the last moment that is shown: years 1 to 9999, which every format of
// dates can write. Changes and posts carry any 64 bits as their time, and a time
// decides nothing.
const (
	MinMillis = -62_135_596_800_000 // 0001-01-01T00:00:00Z
	MaxMillis = 253_402_300_799_999 // 9999-12-31T23:59:59.999Z
)

// ClampMillis returns the time that stands for one that somebody wrote.
func ClampMillis(ms int64) int64 { return min(max(ms, MinMillis), MaxMillis) }
