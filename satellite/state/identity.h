// Who this satellite is: keys, certificate, whom it believes, where its control
// plane is. Files in D/identity (0700), each replaced whole (0600):
//   identity.pem  key, certificate, issuing CA, in one file so that they always belong together
//   identity-next.pem  the same with a renewed certificate that no session has been accepted with yet; an agent that
//                 does not know of it uses the one before, which is as good until it ends
//   ca.pem        root certificates
//   satellite     a Record of the rest, with the sealing key, which is made once and does not rotate
//   pending       an enrolment that was begun
//   enrolled      a new identity on its way into the files above
//   refused       what the control plane said when it last refused this identity
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace perigee::satellite {

struct SatelliteIdentity {
  std::string uid;
  std::string replaces;  // uid of the satellite that this host was before; empty: of none
  std::string name;
  std::string site;
  std::string pem;                         // private key and chain, see shared/pki/identity_file.h
  std::string next_pem;                    // likewise, not proven yet; empty: none. Write leaves it out
  std::string root_certificates;           // PEM
  std::vector<std::string> delivery_keys;  // SubjectPublicKeyInfo, DER
  std::string sealing_key;                 // PEM
  std::string sealing_certificate;         // DER
  std::string grpc_endpoint;               // HOST:PORT
  std::string https_endpoint;              // https://HOST:PORT
};

// The same keys and the same secret on every try, so that a retry is the same request.
struct PendingEnrolment {
  std::string private_key;          // PEM
  std::string sealing_key;          // PEM
  std::string sealing_certificate;  // DER
  std::string poll_secret;
  std::string request;  // name at the centre; empty until it has answered
  std::string https_endpoint;
  std::string ca_hash;
};

class IdentityStore {
 public:
  explicit IdentityStore(const std::string& data_dir) : dir_(data_dir + "/identity") {}

  std::string PemPath() const { return dir_ + "/identity.pem"; }
  std::string NextPemPath() const { return dir_ + "/identity-next.pem"; }
  std::string RootsPath() const { return dir_ + "/ca.pem"; }

  // NOT_FOUND when not enrolled; DATA_LOSS for a damaged file.
  absl::StatusOr<SatelliteIdentity> Read() const;
  // In the place of whatever was there, pending enrolment included. From one rename on it is this identity, before it
  // what was there: a crash in between is mended by Install.
  absl::Status Write(const SatelliteIdentity& identity) const;
  // Goes on with a Write that was cut off. Who reads an identity to act as it calls this first. OK: there is none.
  absl::Status Install() const;
  // A renewal, key and chain only: first beside what is in use, then in its place when a session was accepted with it,
  // or away when it was refused. Whatever happens in between, one of the two that is accepted is there.
  absl::Status ProposePem(const std::string& pem) const;
  // `shown`: what the session was accepted with. One that was proposed since stays beside it.
  absl::Status AdoptProposed(const std::string& shown) const;
  absl::Status DropProposed(const std::string& pem) const;  // OK when it is not there any more

  // What was said when the identity of this uid was last refused. Empty: it is not, as far as this host knows.
  std::string Refusal(const std::string& uid) const;
  absl::Status SetRefusal(const std::string& uid, const std::string& message) const;

  absl::StatusOr<PendingEnrolment> ReadPending() const;  // NOT_FOUND when none
  absl::Status WritePending(const PendingEnrolment& pending) const;
  absl::Status RemovePending() const;

 private:
  std::string dir_;
};

}  // namespace perigee::satellite
