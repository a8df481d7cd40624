package quota

import "time"

// Rate is the size and refill of a Bucket: Burst units at most, refilled by Each units
// in every Per. A negative Burst means no limit.
type Rate struct {
	Burst, Each float64
	Per         time.Duration
}

// PerSecond, PerMinute and PerHour return rates with a burst and a refill per second,
// minute or hour.
func PerSecond[N number](burst, each N) Rate { return Rate{float64(burst), float64(each), time.Second} }

func PerMinute[N number](burst, each N) Rate { return Rate{float64(burst), float64(each), time.Minute} }

func PerHour[N number](burst, each N) Rate { return Rate{float64(burst), float64(each), time.Hour} }

type number interface{ int | int64 | float64 }

func (r Rate) bounded() bool { return r.Burst >= 0 }

// Bucket is a token bucket. The zero Bucket is full. It is not safe for concurrent use.
type Bucket struct {
	spent float64 // units spent; what exceeds the burst is debt
	at    time.Time
}

// Left returns the units that are left at a time; negative when there is debt.
func (b *Bucket) Left(r Rate, now time.Time) float64 {
	if !r.bounded() {
		return 1 << 30
	}
	// A clock that goes back refills nothing.
	if passed := now.Sub(b.at); passed > 0 && b.spent > 0 {
		b.spent = max(0, b.spent-max(r.Each, 0)*float64(passed)/float64(r.Per))
	}
	b.at = now
	return r.Burst - b.spent
}

// Has reports whether cost units are left in addition to the planned ones. A cost above
// the burst passes when the bucket is full.
func (b *Bucket) Has(r Rate, now time.Time, cost, planned float64) bool {
	return b.Left(r, now)-planned >= min(cost, max(r.Burst, 1))
}

// Wait returns how long it takes until cost units are left; 0 when they are left now,
// or never will be.
func (b *Bucket) Wait(r Rate, now time.Time, cost float64) time.Duration {
	lacks := min(cost, max(r.Burst, 1)) - b.Left(r, now)
	if lacks <= 0 || r.Each <= 0 {
		return 0
	}
	return time.Duration(lacks / r.Each * float64(r.Per))
}

// Full reports whether no units are spent.
func (b *Bucket) Full(r Rate, now time.Time) bool { return b.Left(r, now) >= r.Burst }

// Spend spends cost units, going into debt if necessary.
func (b *Bucket) Spend(cost float64) { b.spent += cost }

// Charge spends cost units, or refunds them when cost is negative, and returns the
// number of spent units after that.
func (b *Bucket) Charge(r Rate, now time.Time, cost float64) (spent float64) {
	b.Left(r, now)
	b.spent = max(0, b.spent+cost)
	return b.spent
}
