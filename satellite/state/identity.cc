#include "satellite/state/identity.h"

#include "shared/base/failpoint.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/record.h"
#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

constexpr uint64_t kFileLimit = limits::kHttpBodyBytes;

absl::StatusOr<Record> ReadRecordFile(const std::string& path) {
  PERIGEE_ASSIGN_OR_RETURN(std::string bytes, ReadFile(path, kFileLimit));
  absl::StatusOr<Record> record = DecodeRecord(bytes);
  if (!record.ok()) {
    return absl::DataLossError(absl::StrCat(path, " is damaged (", record.status().message(),
                                            "); restore it, or enrol this host again"));
  }
  return record;
}

std::string Field(const Record& record, const std::string& name) {
  auto it = record.find(name);
  return it == record.end() ? std::string() : it->second;
}

}  // namespace

absl::StatusOr<SatelliteIdentity> IdentityStore::Read() const {
  PERIGEE_ASSIGN_OR_RETURN(Record record, ReadRecordFile(dir_ + "/satellite"));
  SatelliteIdentity identity;
  identity.uid = Field(record, "uid");
  identity.replaces = Field(record, "replaces");
  identity.name = Field(record, "name");
  identity.site = Field(record, "site");
  identity.sealing_key = Field(record, "sealing_key");
  identity.sealing_certificate = Field(record, "sealing_certificate");
  identity.grpc_endpoint = Field(record, "grpc_endpoint");
  identity.https_endpoint = Field(record, "https_endpoint");
  auto keys = DecodeList(Field(record, "delivery_keys"));
  if (!keys.ok() || identity.uid.empty()) {
    return absl::DataLossError(
        absl::StrCat(dir_, "/satellite is damaged; restore it, or enrol this host again"));
  }
  identity.delivery_keys = *std::move(keys);
  PERIGEE_ASSIGN_OR_RETURN(identity.pem, ReadFile(PemPath(), kFileLimit));
  auto next = ReadFile(NextPemPath(), kFileLimit);
  if (next.ok()) identity.next_pem = *std::move(next);  // what is proven does without it
  PERIGEE_ASSIGN_OR_RETURN(identity.root_certificates, ReadFile(RootsPath(), kFileLimit));
  return identity;
}

absl::Status IdentityStore::Write(const SatelliteIdentity& identity) const {
  PERIGEE_RETURN_IF_ERROR(EnsureDirectory(dir_, 0700));
  const Record record = {{"uid", identity.uid},
                         {"replaces", identity.replaces},
                         {"name", identity.name},
                         {"site", identity.site},
                         {"pem", identity.pem},
                         {"root_certificates", identity.root_certificates},
                         {"delivery_keys", EncodeList(identity.delivery_keys)},
                         {"sealing_key", identity.sealing_key},
                         {"sealing_certificate", identity.sealing_certificate},
                         {"grpc_endpoint", identity.grpc_endpoint},
                         {"https_endpoint", identity.https_endpoint}};
  PERIGEE_FAILPOINT("state.identity.enrolled");
  PERIGEE_RETURN_IF_ERROR(WriteFileAtomically(dir_ + "/enrolled", EncodeRecord(record), 0600));
  return Install();
}

absl::Status IdentityStore::Install() const {
  absl::StatusOr<Record> record = ReadRecordFile(dir_ + "/enrolled");
  if (absl::IsNotFound(record.status())) return absl::OkStatus();
  PERIGEE_RETURN_IF_ERROR(record.status());
  PERIGEE_RETURN_IF_ERROR(WriteFileAtomically(RootsPath(), Field(*record, "root_certificates"), 0600));
  PERIGEE_FAILPOINT("state.identity.roots");
  PERIGEE_RETURN_IF_ERROR(RemoveFile(NextPemPath()));  // of an enrolment before
  PERIGEE_FAILPOINT("state.identity.pem");
  PERIGEE_RETURN_IF_ERROR(WriteFileAtomically(PemPath(), Field(*record, "pem"), 0600));
  PERIGEE_FAILPOINT("state.identity.last");
  record->erase("pem");  // has a file of its own, which is renewed
  record->erase("root_certificates");
  PERIGEE_RETURN_IF_ERROR(WriteFileAtomically(dir_ + "/satellite", EncodeRecord(*record), 0600));
  PERIGEE_RETURN_IF_ERROR(RemoveFile(dir_ + "/refused"));
  PERIGEE_RETURN_IF_ERROR(RemovePending());
  PERIGEE_FAILPOINT("state.identity.installed");
  return RemoveFile(dir_ + "/enrolled");
}

std::string IdentityStore::Refusal(const std::string& uid) const {
  const absl::StatusOr<Record> record = ReadRecordFile(dir_ + "/refused");
  return record.ok() && Field(*record, "uid") == uid ? Field(*record, "message") : "";
}

absl::Status IdentityStore::SetRefusal(const std::string& uid, const std::string& message) const {
  if (message.empty()) return RemoveFile(dir_ + "/refused");
  return WriteFileAtomically(dir_ + "/refused", EncodeRecord({{"uid", uid}, {"message", message}}), 0600);
}

absl::Status IdentityStore::ProposePem(const std::string& pem) const {
  PERIGEE_FAILPOINT("state.identity.next");
  return WriteFileAtomically(NextPemPath(), pem, 0600);
}

absl::Status IdentityStore::AdoptProposed(const std::string& shown) const {
  PERIGEE_FAILPOINT("state.identity.adopt");
  PERIGEE_RETURN_IF_ERROR(WriteFileAtomically(PemPath(), shown, 0600));
  return DropProposed(shown);
}

absl::Status IdentityStore::DropProposed(const std::string& pem) const {
  const auto next = ReadFile(NextPemPath(), kFileLimit);
  if (absl::IsNotFound(next.status()) || (next.ok() && *next != pem)) return absl::OkStatus();
  PERIGEE_FAILPOINT("state.identity.drop");
  return RemoveFile(NextPemPath());
}

absl::StatusOr<PendingEnrolment> IdentityStore::ReadPending() const {
  PERIGEE_ASSIGN_OR_RETURN(Record record, ReadRecordFile(dir_ + "/pending"));
  PendingEnrolment pending;
  pending.private_key = Field(record, "private_key");
  pending.sealing_key = Field(record, "sealing_key");
  pending.sealing_certificate = Field(record, "sealing_certificate");
  pending.poll_secret = Field(record, "poll_secret");
  pending.request = Field(record, "request");
  pending.https_endpoint = Field(record, "https_endpoint");
  pending.ca_hash = Field(record, "ca_hash");
  return pending;
}

absl::Status IdentityStore::WritePending(const PendingEnrolment& pending) const {
  PERIGEE_RETURN_IF_ERROR(EnsureDirectory(dir_, 0700));
  const Record record = {{"private_key", pending.private_key},
                         {"sealing_key", pending.sealing_key},
                         {"sealing_certificate", pending.sealing_certificate},
                         {"poll_secret", pending.poll_secret},
                         {"request", pending.request},
                         {"https_endpoint", pending.https_endpoint},
                         {"ca_hash", pending.ca_hash}};
  PERIGEE_FAILPOINT("state.identity.pending");
  return WriteFileAtomically(dir_ + "/pending", EncodeRecord(record), 0600);
}

absl::Status IdentityStore::RemovePending() const {
  return RemoveFile(dir_ + "/pending");
}

}  // namespace perigee::satellite
