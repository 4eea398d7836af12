// cloudctl completion: scripts for shells, made from the commands and kinds that there are.
#include <ostream>

#include "CLI/App.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "control-plane/cloudctl/session.h"

namespace perigee::control {
namespace {

constexpr char kBash[] = R"sh(# Load with: source <(cloudctl completion bash)
_cloudctl() {
  local word="${COMP_WORDS[COMP_CWORD]}" command="" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ "${COMP_WORDS[i]}" != -* ]] && { command="${COMP_WORDS[i]}"; break; }
  done
  case "$command" in
    "") COMPREPLY=($(compgen -W "@COMMANDS@" -- "$word")) ;;
    get|describe|explain|delete|events|fields)
      if [[ "${COMP_WORDS[COMP_CWORD-1]}" == "$command" ]]; then
        COMPREPLY=($(compgen -W "@KINDS@" -- "$word"))
      else
        COMPREPLY=($(compgen -W "$(cloudctl get "${COMP_WORDS[i+1]}" -o jsonpath='{.items[*].metadata.name}' 2>/dev/null)" -- "$word"))
      fi ;;
    apply|diff) COMPREPLY=($(compgen -f -- "$word")) ;;
    token) COMPREPLY=($(compgen -W "create" -- "$word")) ;;
    satellite) COMPREPLY=($(compgen -W "approve deny revoke" -- "$word")) ;;
    context) COMPREPLY=($(compgen -W "list use" -- "$word")) ;;
    completion) COMPREPLY=($(compgen -W "bash zsh fish" -- "$word")) ;;
  esac
}
complete -F _cloudctl cloudctl
)sh";

constexpr char kZsh[] = R"sh(#compdef cloudctl
# Load with: source <(cloudctl completion zsh)
_cloudctl() {
  if (( CURRENT == 2 )); then
    compadd -- @COMMANDS@
    return
  fi
  case "${words[2]}" in
    get|describe|explain|delete|events|fields)
      if (( CURRENT == 3 )); then
        compadd -- @KINDS@
      else
        compadd -- ${(z)"$(cloudctl get "${words[3]}" -o jsonpath='{.items[*].metadata.name}' 2>/dev/null)"}
      fi ;;
    apply|diff) _files ;;
    token) compadd -- create ;;
    satellite) compadd -- approve deny revoke ;;
    context) compadd -- list use ;;
    completion) compadd -- bash zsh fish ;;
  esac
}
compdef _cloudctl cloudctl
)sh";

constexpr char kFish[] = R"sh(# Load with: cloudctl completion fish | source
complete -c cloudctl -f
complete -c cloudctl -n "__fish_use_subcommand" -a "@COMMANDS@"
complete -c cloudctl -n "__fish_seen_subcommand_from get describe explain delete events fields" -a "@KINDS@"
complete -c cloudctl -n "__fish_seen_subcommand_from apply diff delete" -s f -l filename -r -F
complete -c cloudctl -n "__fish_seen_subcommand_from token" -a "create"
complete -c cloudctl -n "__fish_seen_subcommand_from satellite" -a "approve deny revoke"
complete -c cloudctl -n "__fish_seen_subcommand_from context" -a "list use"
complete -c cloudctl -n "__fish_seen_subcommand_from completion" -a "bash zsh fish"
)sh";

absl::StatusOr<int> Print(const CLI::App& app, Session& session, const std::string& shell) {
  const char* script = shell == "bash" ? kBash : shell == "zsh" ? kZsh : shell == "fish" ? kFish : nullptr;
  if (script == nullptr)
    return absl::InvalidArgumentError(absl::StrCat("no completion for ", shell, "; bash, zsh or fish"));
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(command->get_name());
  }
  std::vector<std::string> kinds;
  for (const KindInfo& kind : Kinds()) {
    if (kind.not_yet.empty()) kinds.push_back(kind.plural);
  }
  session.out() << absl::StrReplaceAll(
      script, {{"@COMMANDS@", absl::StrJoin(commands, " ")}, {"@KINDS@", absl::StrJoin(kinds, " ")}});
  return kDone;
}

}  // namespace

void AddCompletion(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("completion", "Print a completion script for a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash, zsh or fish")->required()->type_name("SHELL");
  command->footer("Example:\n  source <(cloudctl completion bash)");
  command->callback([&app, &session, shell] { session.Run([&] { return Print(app, session, *shell); }); });
}

}  // namespace perigee::control
