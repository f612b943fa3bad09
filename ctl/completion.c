/* The completion script for bash, made from the tables in commands.c and options.c.
 *
 * The script holds three case tables: words after a noun, options by command, and values by option.
 * It runs no program while completing (a shell that hangs on TAB because a system is down is worse
 * than one that completes less). */
#include "ctl/ctl.h"

#include <string.h>

/* Length of the noun when the name has two words, else 0. */
static size_t noun_length(const struct lj_command *c)
{
    const char *blank = strchr(c->name, ' ');
    return blank ? (size_t)(blank - c->name) : 0;
}

static int same_noun(const struct lj_command *a, const struct lj_command *b)
{
    size_t n = noun_length(a);
    return n && n == noun_length(b) && memcmp(a->name, b->name, n) == 0;
}

static void put_first_words(FILE *out)
{
    for (size_t i = 0; i < lj_commands_count; i++) {
        size_t n = noun_length(&lj_commands[i]);
        if (!n)
            fprintf(out, "%s ", lj_commands[i].name);
        else if (i == 0 || !same_noun(&lj_commands[i - 1], &lj_commands[i]))
            fprintf(out, "%.*s ", (int)n, lj_commands[i].name);
    }
}

static void put_nouns(FILE *out)
{
    for (size_t i = 0; i < lj_commands_count; i++) {
        const struct lj_command *c = &lj_commands[i];
        size_t n = noun_length(c);
        if (!n || (i && same_noun(&lj_commands[i - 1], c)))
            continue;
        fprintf(out, "        %.*s) words=\"", (int)n, c->name);
        for (size_t j = i; j < lj_commands_count && same_noun(c, &lj_commands[j]); j++)
            fprintf(out, "%s ", lj_commands[j].name + n + 1);
        fprintf(out, "\" ;;\n");
    }
}

static void put_options(FILE *out)
{
    for (size_t i = 0; i < lj_commands_count; i++) {
        fprintf(out, "        \"%s\") opts=\"", lj_commands[i].name);
        for (size_t k = 0; k < lj_options_count; k++) {
            const struct lj_option *o = &lj_options[k];
            if (!o->global && !o->hidden && lj_option_of(&lj_commands[i], o))
                fprintf(out, "--%s ", o->row.name);
        }
        fprintf(out, "\" ;;\n");
    }
}

static void put_values(FILE *out)
{
    for (size_t k = 0; k < lj_options_count; k++) {
        const struct lj_option *o = &lj_options[k];
        if (o->choices)
            fprintf(out, "        --%s) COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); return ;;\n",
                    o->row.name, o->choices);
        else if (o->value_name && strcmp(o->value_name, "DIR") == 0)
            fprintf(out, "        --%s) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n",
                    o->row.name);
        else if (o->value_name && strcmp(o->value_name, "FILE") == 0)
            fprintf(out, "        --%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n",
                    o->row.name);
        else if (o->value_name)
            fprintf(out, "        --%s) return ;;\n", o->row.name);
    }
    fprintf(out, "        --config) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
}

/* Options that take a value: the word behind one is no sub-command. */
static void put_valued(FILE *out)
{
    const char *bar = "";
    for (size_t k = 0; k < lj_options_count; k++) {
        if (lj_options[k].value_name) {
            fprintf(out, "%s--%s", bar, lj_options[k].row.name);
            bar = "|";
        }
    }
    fprintf(out, "|--config");
}

void lj_completion(FILE *out)
{
    fprintf(out, "# bash completion for ljctl; made by `ljctl completion`\n_ljctl()\n{\n"
                 "    local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD - "
                 "1]}\" noun= verb= skip= i words= opts=\n"
                 "    COMPREPLY=()\n    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                 "        if [[ -n $skip ]]; then skip=; continue; fi\n        case "
                 "\"${COMP_WORDS[i]}\" in\n        ");
    put_valued(out);
    fprintf(out,
            ") skip=1 ;;\n        -*) ;;\n        *) if [[ -z $noun ]]; then "
            "noun=\"${COMP_WORDS[i]}\"; "
            "elif [[ -z $verb ]]; then verb=\"${COMP_WORDS[i]}\"; fi ;;\n        esac\n    done\n"
            "    case \"$prev\" in\n");
    put_values(out);
    fprintf(
        out,
        "    esac\n    if [[ -z $noun && $cur != -* ]]; then\n        COMPREPLY=($(compgen -W \"");
    put_first_words(out);
    fprintf(out, "\" -- \"$cur\"))\n        return\n    fi\n    case \"$noun\" in\n");
    put_nouns(out);
    fprintf(out,
            "    esac\n    if [[ -n $words && -z $verb && $cur != -* ]]; then\n"
            "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n        return\n    fi\n"
            "    [[ -n $words ]] && noun=\"$noun $verb\"\n    case \"$noun\" in\n");
    put_options(out);
    fprintf(out,
            "    esac\n    if [[ $cur == -* ]]; then\n        COMPREPLY=($(compgen -W \"$opts ");
    for (size_t k = 0; k < lj_options_count; k++) {
        if (lj_options[k].global)
            fprintf(out, "--%s ", lj_options[k].row.name);
    }
    fprintf(out, "--config --help --version\" -- \"$cur\"))\n    else\n        "
                 "COMPREPLY=($(compgen -f -- \"$cur\"))\n    fi\n}\n"
                 "complete -F _ljctl ljctl\n");
}
