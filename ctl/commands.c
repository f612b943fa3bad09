/* The table of ljctl's sub-commands: the one source of --help, the man page, completion, and
 * dispatch.
 *
 * A row is all that a reader of `ljctl NAME --help` sees, in the order it is shown: examples first.
 * A new sub-command is a row here, a handler in its noun's cmd_*.c, and nothing else. min_words and
 * max_words count the operands behind the name. */
#include "ctl/cmd.h"

const struct lj_command lj_commands[] = {
    {"up", "", "在本机启动整个系统", "run the whole system on this machine",
     "Makes a private PostgreSQL in DIR/pg (Unix socket only), migrates it, loads the managing "
     "units, and supervises the database, the "
     "broker, the gateway and the workers. Started by root it runs everything as a service user. "
     "Ctrl-C drains in order and exits 0; a "
     "second Ctrl-C is fast. A second start on the same directory continues where the first "
     "ended.\n"
     "First secrets: DIR/secret/admin.token (role centre), unit.token (role client on PS001), "
     "observer.token; the password of the account admin for the dashboard: admin.password.\n"
     "The opinion engine judges by DIR/opinion.bundle (or --bundle FILE) as soon as that is there, "
     "also when it comes or changes while the system runs; until then by what is built in.",
     "ljctl up\nljctl up --dir /srv/liangjin --listen 127.0.0.1:9090 --workers 2\nljctl up --demo "
     "20000 --once",
     "listen port workers user pg-bin demo once seed once-ready bundle", 0, 0, lj_cmd_up},
    {"demo", "REPORTS", "演示:合成数据,逐项核对结果",
     "a synthetic world and a burst of reports on a running system, compared with what must come "
     "of "
     "it",
     "Registers teams, athletes and sites of the 51 units (synthetic names, codes that begin with "
     "d1-, the next time d2-), files so many reports, corrections, withdrawals and words of hosts "
     "at once, waits until all is handled and settled, and holds every count against its own "
     "reckoning by the field's rules. 200 to 100,000. Exit code 1 when one is off. What it leaves "
     "stays: not for a system in real use.",
     "ljctl demo 2000\nljctl demo 20000 --seed 7 --output json", "seed", 1, 1, lj_cmd_demo},
    {"status", "", "一屏查看系统状态",
     "the system on one screen: rates, backlog, peers, watermarks, parked",
     "Works without the broker too: what it alone knows is then missing, and a note on standard "
     "error says so (exit code 4). JSON has "
     "processes: [{name, pid}].",
     "ljctl status\nljctl status --output json", "", 0, 0, lj_cmd_status},
    {"doctor", "", "检查设置、权限、磁盘和时钟", "check settings, permissions, disk, clock, limits",
     "One line a check: ok, warn or fail. Exit code 1 when one fails.",
     "ljctl doctor\nljctl doctor --output json", "", 0, 0, lj_cmd_doctor},
    {"migrate", "", "升级数据库结构", "bring the database to this version",
     "Applies roles, migrations in order, then every function file whose text changed, and the "
     "event types. Under an advisory lock; a "
     "migration that was applied and has changed since is an error.",
     "ljctl migrate --dry-run\nljctl migrate\nljctl migrate --dsn 'host=/run/postgresql "
     "dbname=liangjin'",
     "dry-run", 0, 0, lj_cmd_migrate},
    {"token create", "NAME", "新建访问令牌", "make an access token",
     "The secret is shown once, or written to --file with mode 0600; only its hash is stored. "
     "--unit is the root of the units it may act "
     "for (CN000 = all).",
     "ljctl token create school-import --unit PS001 --role client --file import.token\nljctl token "
     "create wall --unit CN000 --role observer",
     "unit role class rate burst expires file", 1, 1, lj_cmd_token_create},
    {"token ls", "", "列出访问令牌", "list access tokens",
     "Without --all only those that are valid now.",
     "ljctl token ls\nljctl token ls --all --output csv", "all", 0, 0, lj_cmd_token_ls},
    {"token revoke", "NAME", "吊销访问令牌", "end an access token",
     "Gateways refuse it within a second.", "ljctl token revoke school-import --yes", "yes", 1, 1,
     lj_cmd_token_revoke},
    {"account create", "LOGIN ROLE", "新建登录账号",
     "make an account that logs in at the dashboard",
     "ROLE is operator (all of the system, unit CN000), unit_admin (its own units) or observer "
     "(figures only, groups under five left out): accounts of the machine. Or it is one of a "
     "person's, or several with commas between: TEAM_FILLER, UNIT_ADMIN, UNIT_LEADER (of a unit), "
     "CENTRE_OPERATOR, CENTRE_AUDITOR, POLICY_ADMIN (of CN000), OPINION_DUTY, OBSERVER; these "
     "send events in their own name, and need --name. The password is made, and shown once or "
     "written to --file (mode 0600); if that file is there, it is read from it.",
     "ljctl account create zhiban observer --unit CN000 --file zhiban.password\nljctl account "
     "create zhang_li UNIT_ADMIN,UNIT_LEADER --unit PS001 --name Zhang",
     "unit name file timeout", 2, 2, lj_cmd_account_create},
    {"account ls", "", "列出登录账号", "list accounts", "",
     "ljctl account ls\nljctl account ls --output json", "", 0, 0, lj_cmd_account_ls},
    {"account passwd", "LOGIN", "重设账号密码", "give an account a new password",
     "As with create. Its logins end within seconds; a disabled account of the machine is active "
     "again. Also the first password of a person who was invited by an event.",
     "ljctl account passwd zhiban --file zhiban.password", "file", 1, 1, lj_cmd_account_passwd},
    {"account disable", "LOGIN", "停用账号", "take an account's right to log in",
     "Its logins end within seconds. Of a person it needs --reason; --handover names who takes the "
     "duty over. The last active administrator of a unit is not disabled.",
     "ljctl account disable zhiban --yes\nljctl account disable zhang_li --yes --reason moved "
     "--handover wang_wu",
     "reason handover yes timeout", 1, 1, lj_cmd_account_disable},
    {"account activate", "LOGIN", "启用账号", "let a person's account log in",
     "One that has accepted its invitation, or was disabled.", "ljctl account activate zhang_li",
     "timeout", 1, 1, lj_cmd_account_activate},
    {"account link", "LOGIN", "为受邀人开一次性链接",
     "make a one-time link for who was invited by account.invited",
     "Its holder sets the account's first password at /#/accept/TOKEN within 7 days; then `account "
     "activate` lets it log in. The token is shown once; a link made before ends.",
     "ljctl account link zhang_li", "", 1, 1, lj_cmd_account_link},
    {"account unlock", "LOGIN", "解除锁定", "take a lock off before its time",
     "Five wrong passwords lock a person's account for a quarter of an hour.",
     "ljctl account unlock zhang_li", "timeout", 1, 1, lj_cmd_account_unlock},
    {"policy show", "[WORD]", "查看政策与规则参数",
     "quota policies, settings of rules, or what is proposed",
     "WORD is quota (without one), rules or proposals.",
     "ljctl policy show\nljctl policy show rules --output csv\nljctl policy show proposals", "", 0,
     1, lj_cmd_policy_show},
    {"policy propose", "CODE FILE", "提议政策版本或规则参数",
     "propose a version of a policy, or values of a rule's setting",
     "FILE holds the payload of policy.proposed, or of policy.rule_proposed (it has a member "
     "\"rule\"), without its code. Nothing is in force before another person has approved it.",
     "ljctl policy propose Q2027 policy.json --as zhang_li", "as timeout", 2, 2,
     lj_cmd_policy_propose},
    {"policy approve", "CODE", "批准提议", "put a proposal in force, as a second person",
     "Refused for the name that proposed it.", "ljctl policy approve Q2027 --as wang_wu",
     "as timeout", 1, 1, lj_cmd_policy_approve},
    {"policy withdraw", "CODE", "撤回提议", "take a proposal back", "",
     "ljctl policy withdraw Q2027 --as zhang_li", "as timeout", 1, 1, lj_cmd_policy_withdraw},
    {"events show", "ID|POSITION", "查看一个事件的来龙去脉",
     "one event: when it came, what each kind made of it, what followed", "",
     "ljctl events show 0190f3c2-7f3e-7cc0-8000-3f0d1c2b4a59\nljctl events show 1234 --output json",
     "", 1, 1, lj_cmd_events_show},
    {"events tail", "", "查看最近的事件",
     "the last events of the log, or all that follow a position",
     "Only events at or below the frontier. JSON output is one object a line.",
     "ljctl events tail --follow\nljctl events tail --from start --type activity.submitted "
     "--output json",
     "from follow type unit limit", 0, 0, lj_cmd_events_tail},
    {"events submit", "[FILE]", "直接向代理提交事件",
     "send events to the broker over its local socket",
     "FILE (or standard input) holds one JSON event, or one a line: {id?, type, unit, key?, "
     "occurred_at?, schema_version?, payload}. An "
     "event without id gets one, which is printed; send the same id again when the outcome is "
     "unknown. Not a way round the gateway's "
     "tokens: the socket can be opened by the service user and root only.",
     "ljctl events submit report.json\njq -c '.[]' units.json | ljctl events submit --output json",
     "timeout", 0, 1, lj_cmd_events_submit},
    {"parked ls", "", "列出搁置的事件", "list parked events, newest first",
     "Without --all only those still parked or being redriven.",
     "ljctl parked ls --kind validation\nljctl parked ls --all --output csv", "kind unit all limit",
     0, 0, lj_cmd_parked_ls},
    {"parked show", "KIND POSITION", "查看一个搁置的事件",
     "one parked event with its error and payload", "", "ljctl parked show validation 1234", "", 2,
     2, lj_cmd_parked_show},
    {"parked redrive", "[POSITION...]", "重新派发搁置的事件",
     "send parked events out again, in position order",
     "Names positions, or one --fingerprint, of one --kind.",
     "ljctl parked redrive --kind validation 1234 1240\nljctl parked redrive --kind opinion "
     "--fingerprint 'unexpected eof' --dry-run",
     "kind fingerprint yes dry-run", 0, 500, lj_cmd_parked_redrive},
    {"parked drop", "POSITION...", "放弃搁置的事件", "give parked events up, with a reason",
     "The events stay in the log; that kind never handles them.",
     "ljctl parked drop --kind opinion 1234 --reason 'test data' --yes", "kind reason yes dry-run",
     1, 500, lj_cmd_parked_drop},
    {"pause", "KIND", "暂停一类工作进程", "hand out no more events to a kind",
     "What is leased already is finished and committed.", "ljctl pause opinion", "", 1, 1,
     lj_cmd_pause},
    {"resume", "KIND", "恢复一类工作进程", "hand out events to a kind again", "",
     "ljctl resume opinion", "", 1, 1, lj_cmd_resume},
    {"drain", "[KIND]", "停止派发并等待在途任务完成",
     "pause a kind, or all, and wait until nothing of it is leased",
     "Events go on coming in and wait; `ljctl resume KIND` hands them out again. To stop the "
     "system, end `ljctl up`.",
     "ljctl drain opinion\nljctl drain --timeout 30 --yes", "timeout yes", 0, 1, lj_cmd_drain},
    {"bench", "EVENTS", "测量接收速率,以 COPY 为尺度",
     "the durable intake rate of a running system, against plain COPY in the same PostgreSQL",
     "Each round takes EVENTS events in over the broker's local socket and appends as many rows "
     "with COPY to a table made like the log (schema liangjin_bench, dropped at the end); the two "
     "alternate, medians and their ratio are the result. The events (mail.read of a mail that does "
     "not exist) stay in the log and have no effect; do not run it on a system in real use.",
     "ljctl bench 50000\nljctl bench 20000 --rounds 9 --output json", "rounds", 1, 1, lj_cmd_bench},
    {"quota show", "", "查看队伍与运动员的年度任务",
     "sessions and minutes of teams and athletes by year",
     "CARRIED is part of MINUTES, DEFICIT of neither side. EXPECTED is the share of the duty that "
     "is due by the log's last day, LEVEL says how far behind it the subject is: OK, WATCH, LAG, "
     "CRITICAL.",
     "ljctl quota show --unit PS001 --year 2024\nljctl quota show --team T-PS001-01 --output json",
     "unit year team person limit", 0, 0, lj_cmd_quota_show},
    {"quota coverage", "", "查看年度任务完成率",
     "how many teams and athletes have met their duty, and what is short",
     "Of the nation and each unit's own teams; with --unit also of its teams. Rates are of those "
     "who owe anything.",
     "ljctl quota coverage --year 2024\nljctl quota coverage --unit PS001 --output json",
     "unit year team limit", 0, 0, lj_cmd_quota_coverage},
    {"quota recompute", "", "由原始记录重算年度任务",
     "the same from the raw rows alone, beside what is stored",
     "Computed at the settled position by the registers and policies as they stand there; reads "
     "every participation, so it takes its time on a large system.",
     "ljctl quota recompute --unit PS001 --year 2024", "unit year team person limit", 0, 0,
     lj_cmd_quota_recompute},
    {"quota diff", "", "核对台账、合计与原始记录", "where ledger, totals and raw rows do not agree",
     "Nothing to print means that all agree. Exit code 1 when something differs.",
     "ljctl quota diff\nljctl quota diff --output json", "", 0, 0, lj_cmd_quota_diff},
    {"activity ls", "", "列出待审核的活动", "activities that wait for a decision, oldest first",
     "Under a policy with a review. With --unit also those of the units below it.",
     "ljctl activity ls --unit PS001\nljctl activity ls --output json", "unit limit", 0, 0,
     lj_cmd_activity_ls},
    {"activity show", "ID", "查看一项活动的经过",
     "what was accepted about an activity, step by step",
     "JSON has the words of its athletes and its host too.",
     "ljctl activity show 0190f3c2-7f3e-7cc0-8000-3f0d1c2b4a59", "", 1, 1, lj_cmd_activity_show},
    {"activity sample", "FROM TO", "列出中心抽查名单",
     "the approved activities of some days that the Centre looks at",
     "Of those whose policy says review CENTRE: all with a score of 80 and more, 30 in a hundred "
     "of 60 to 79, 3 of the rest and at least one a unit and quarter. The draw follows from the "
     "activity's id.",
     "ljctl activity sample 2025-01-01 2025-03-31", "", 2, 2, lj_cmd_activity_sample},
    {"activity approve", "ID VERSION", "批准一项活动", "approve a version that waits",
     "--reason is kept as the note that some reports need (V17). Refused where this user sent it.",
     "ljctl activity approve 0190f3c2-7f3e-7cc0-8000-3f0d1c2b4a59 1", "reason timeout", 2, 2,
     lj_cmd_activity_approve},
    {"activity return", "ID VERSION", "退回一项活动", "send a version back, with a reason", "",
     "ljctl activity return 0190f3c2-7f3e-7cc0-8000-3f0d1c2b4a59 1 --reason 'head count'",
     "reason timeout", 2, 2, lj_cmd_activity_return},
    {"activity link", "ID [PERSON]", "生成一次性确认链接",
     "a one-time token for the host, or for an athlete of the roster",
     "PERSON is UNIT/CODE; without it the link is the host's. Good for 15 days (host) or 14, and "
     "for one answer: POST /v1/confirm.",
     "ljctl activity link 0190f3c2-7f3e-7cc0-8000-3f0d1c2b4a59\nljctl activity link "
     "0190f3c2-7f3e-7cc0-8000-3f0d1c2b4a59 PS001/P1",
     "timeout", 1, 2, lj_cmd_activity_link},
    {"flag ls", "", "列出线索与待审清单", "what somebody should look at, newest first",
     "Flags that stand: of current versions of activities that are live. With --unit also those of "
     "the units below it. --open leaves out what the unit has explained or an auditor decided. "
     "--review lists the activities whose signs of formalism add up to 60 or more, with the "
     "evidence; SHARE is how many in a hundred of them the Centre looks at. A flag lowers nothing.",
     "ljctl flag ls --unit PS001 --open\nljctl flag ls --review --output json",
     "unit open review limit", 0, 0, lj_cmd_flag_ls},
    {"flag show", "ID", "查看一条线索", "one flag, what it says, and what was said about it",
     "Explained is a flag by an event flag.explained of its unit, decided by flag.decided or "
     "duplicate.decided of the Centre; what was refused is listed too, with the reason.",
     "ljctl flag show 3f1c2a4e-0d5b-8c17-8e21-9b7d6a5c4f30", "", 1, 1, lj_cmd_flag_show},
    {"report", "NAME", "统计报表:活动、报送、任务、豁免、提示、舆情、签收、表彰基础数据",
     "statistics: activities, intake, quota, exemptions, flags, opinion, mail, commendation; "
     "verify",
     "Brings the figures up to what is settled, then prints them; the head says the policy, up to "
     "which position they are complete, and what must not be read into them. --by takes one or two "
     "of year quarter month unit team sport level region province site_kind body group theme "
     "anchor mode (intake, opinion, mail: unit or month; flags: unit or code; quota: unit or "
     "team). "
     "CSV is UTF-8 with a byte order mark for spreadsheet programs; XLSX needs --out. Figures of "
     "fewer than five are shown as *. `report verify` holds the figures against the raw rows: exit "
     "code 1 when something differs.",
     "ljctl report activities --year 2025 --by unit\nljctl report activities --by "
     "province,theme --quarter 2025-Q3\nljctl report activities --year 2025 --by unit --format "
     "xlsx -o 2025.xlsx\nljctl report quota --year 2025 --by unit\nljctl report commendation "
     "--year 2025 --format csv -o base.csv\nljctl report verify",
     "by year quarter month unit team rank format out", 1, 1, lj_cmd_report},
    {"certificate issue", "ATHLETE YEAR", "出具运动员年度时长证明",
     "certify an athlete's hours of a year",
     "The athlete is UNIT/CODE. What the ledger holds at the settled position, without what was "
     "carried. Prints the number "
     "and "
     "the code that go on the paper. Written to the log as certificate.issued; the key of the "
     "codes "
     "is DIR/secret/certificate.key, made with the first certificate: keep it with the backups.",
     "ljctl certificate issue PS001/P1 2025", "id timeout", 2, 2, lj_cmd_certificate_issue},
    {"certificate verify", "NUMBER CODE", "核验证明",
     "is this certificate ours, and does it still hold?",
     "VOID when what it counted was revoked, withdrawn, corrected or cut since. Exit code 0 valid, "
     "1 "
     "void, 3 no such number and code.",
     "ljctl certificate verify LJ-C2025-0012345 ABCD-EFGH-JKMN-PQRS", "", 2, 2,
     lj_cmd_certificate_verify},
    {"certificate ls", "", "列出已出具的证明", "list certificates, newest first", "",
     "ljctl certificate ls --unit PS001 --year 2025", "unit person year limit", 0, 0,
     lj_cmd_certificate_ls},
    {"replay copy", "", "把日志复制到空库,以便重放",
     "copy a log at rest into an empty database, to run the kinds over it once more",
     "The target was made by `ljctl migrate` and holds nothing else; its role may become the "
     "owner. "
     "The source's kinds must have done and settled everything. Effects are not copied: a broker "
     "and workers that are then started on the target make them anew, in the order of positions. "
     "What they announce is held against the log and not appended; nothing else is taken in.",
     "ljctl replay copy --target 'host=/run/postgresql dbname=replay user=postgres'\nljctl replay "
     "copy --source 'dbname=liangjin user=liangjin_audit' --target 'dbname=replay user=postgres'",
     "source target", 0, 0, lj_cmd_replay_copy},
    {"replay compare", "", "逐项比对重放结果",
     "a log's effects and those of its replay, row by row",
     "Waits up to --timeout until the replay is through. One line a fact: verdicts, registers, "
     "totals, duties, sums of the ledger, mails and the rest; the first differences are told on "
     "standard error. Exit code 1 when one differs. Roles that read are enough on both sides.",
     "ljctl replay compare --timeout 600 --target 'dbname=replay user=liangjin_audit'\nljctl "
     "replay "
     "compare --source 'dbname=liangjin user=liangjin_audit' --target 'dbname=replay "
     "user=liangjin_audit' --output json",
     "source target timeout", 0, 0, lj_cmd_replay_compare},
    {"mail ls", "", "列出站内信", "list station mail, newest first",
     "One line a receiver. NUMBER is the position of the event that led to the mail. DUE is the "
     "last "
     "day on which it may be read or signed; --open lists what is left to do, and reminders follow "
     "as the days begin.",
     "ljctl mail ls --unit PS001\nljctl mail ls --open\nljctl mail ls --output json",
     "unit open limit", 0, 0, lj_cmd_mail_ls},
    {"mail show", "NUMBER|ID", "查看一封站内信", "one letter of the station mail and its receipts",
     "", "ljctl mail show 1234", "", 1, 1, lj_cmd_mail_show},
    {"mail broadcast", "FILE", "向各单位群发通知",
     "the Centre writes to all units, to some kinds, or to a list",
     "FILE (- is standard input) holds the text, at most 2,000 characters; what looks like a "
     "telephone or identity number is masked. The receivers are frozen when it is handled: units "
     "that come later do not get it.",
     "ljctl mail broadcast notice.txt --title 'Year-end reports' --needs SIGN --due 5\n"
     "ljctl mail broadcast - --title 'A hint' --to PS001,NO041 --yes <text",
     "title to needs due id timeout yes", 1, 1, lj_cmd_mail_broadcast},
    {"mail recall", "NUMBER|ID", "撤回一封站内信",
     "take back a letter that should not have been sent",
     "What nobody of a unit has read is hidden there and shows that it was recalled; what was read "
     "stays legible and is marked, and who had read it is told why; what was signed or answered "
     "stays. Without effect where every receiver has signed.",
     "ljctl mail recall 1234 --reason 'wrong list of units' --yes", "reason id timeout yes", 1, 1,
     lj_cmd_mail_recall},
    {"opinion explain", "TEXT", "解释一段文字的舆情判断",
     "what the opinion engine sees in a text, and why",
     "Needs no running system and stores nothing. ^ stands under what counts, - under what was "
     "found and cancelled (negated, denied, a rule against it, ...). TEXT - is standard input.",
     "ljctl opinion explain - <feedback.txt\nljctl opinion explain --output json - <feedback.txt",
     "bundle", 1, 1, lj_cmd_opinion_explain},
    {"opinion eval", "FILE...", "用标注文本评测舆情引擎",
     "how well the opinion engine does on labelled texts",
     "FILE has the columns id kind text polarity categories severity evidence note, or marks in "
     "the text instead of evidence; a folder means every .tsv in it. Texts tagged amb are counted "
     "apart. Needs no running system.",
     "ljctl opinion eval texts.tsv\nljctl opinion eval --part held --output json "
     "workers/opinion/data/texts",
     "bundle part writer", 1, 64, lj_cmd_opinion_eval},
    {"opinion train", "OUT FILE...", "用标注文本训练舆情模型包",
     "make a bundle of the opinion engine from labelled texts",
     "Trains on the texts that are not held back by hash, writes the bundle to OUT and prints its "
     "figures on those that are. The same texts and tables give the same bytes. A bundle that "
     "fails its golden cases is not written. A system of `ljctl up` takes it up by itself when OUT "
     "is "
     "DIR/opinion.bundle; a worker started by hand with --opinion-bundle.",
     "ljctl opinion train new.bundle workers/opinion/data/texts\nljctl opinion train try.bundle "
     "workers/opinion/data/texts --writer A",
     "bundle tables writer", 2, 64, lj_cmd_opinion_train},
    {"opinion agree", "DIR", "两遍标注的一致程度", "how far two passes of labelling agree",
     "DIR holds labelled texts, and in second/ files with the columns id polarity categories "
     "severity by other labellers.",
     "ljctl opinion agree workers/opinion/data/texts", "", 1, 1, lj_cmd_opinion_agree},
    {"check", "", "供监控系统调用的检查", "one line and an exit code for a monitoring system",
     "Exit codes of monitoring plugins, not those of ljctl: 0 OK, 1 WARNING, 2 CRITICAL, 3 "
     "UNKNOWN. Looks at the broker, the age of the oldest open event, parked events, paused kinds, "
     "the database's settings, and free disk (15 %: warning, 5 %: critical).",
     "ljctl check --dir /srv/liangjin\nljctl check --warning 10 --critical 60", "warning critical",
     0, 0, lj_cmd_check},
    {"units", "[WORD] [TEXT]", "列出、查找管理单位",
     "the managing units: the letter's table, all with their states, or those that a text means",
     "Without a word the registered ones by class and order of creation, from the register when "
     "the "
     "system runs, else the table built in (--embedded asks for that one). `ls` lists every unit "
     "with its state, those that were addressed and have not registered too. `find` looks among "
     "codes, names and aliases, whatever their spelling.",
     "ljctl units\nljctl units ls --output csv\nljctl units find PS001\nljctl units "
     "--embedded --output json",
     "embedded", 0, 2, lj_cmd_units},
    {"completion", "", "输出 bash 补全脚本", "print the completion script for bash", "",
     "ljctl completion > /etc/bash_completion.d/ljctl", "", 0, 0, lj_cmd_completion},
    {"man", "", "输出手册页", "print the manual page (roff)", "", "ljctl man | man -l -", "", 0, 0,
     lj_cmd_man},
};
const size_t lj_commands_count = sizeof lj_commands / sizeof lj_commands[0];
