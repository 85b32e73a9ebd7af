package roster

import "crypto/ed25519"

// typeNewer is of no entry that there is: whoever is sent one by a member stops syncing, to be updated.
const typeNewer = 255

// Newer makes an entry that a Masq which is older than this one cannot take, so that it says to its user to update it. It is not taken here.
func (r *Roster) Newer(ik ed25519.PrivateKey) []byte { return sign(ik, r.ID(), typeNewer, nil) }
