package store

// Store is the local store. New makes one; peer.Start opens it.
type Store struct {
	cfg Config
}

// New makes a store. Peer{peer.Start{}} opens it.
func New(cfg Config) *Store { return &Store{cfg: cfg} }

// Step takes in what happened at now (Unix milliseconds) and appends to out what is to be done. It never blocks.
func (s *Store) Step(now uint64, ev Event, out *Actions) {}
