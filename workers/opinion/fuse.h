#ifndef LJ_OPINION_FUSE_H
#define LJ_OPINION_FUSE_H
/*
 * The fusion of rules and linear models: one logistic layer a question. Internal.
 *
 * Questions: each kind, any risk, polarity 1, polarity -1, severity 3, severity 2 or more. The
 * features are the same numbers in training and in use, made here and nowhere else.
 */
#include "workers/opinion/linear.h"
#include "workers/opinion/opinion.h"

struct lj_opinion;

/* Features of a kind. */
enum lj_kind_feature {
    LJ_FK_ONE,
    LJ_FK_POINTS, /* best hit that stands */
    LJ_FK_WEAK,   /* its weight */
    LJ_FK_PLAIN,
    LJ_FK_STRONG,
    LJ_FK_MORE,                                      /* further hits that stand */
    LJ_FK_SENTENCES,                                 /* in how many sentences */
    LJ_FK_COMBINED,                                  /* a pair or a sentence rule stands */
    LJ_FK_CANCELLED,                                 /* by scope: heaviest hit so judged */
    LJ_FK_LIN = LJ_FK_CANCELLED + LJ_OPINION_SCOPES, /* linear value of the text */
    LJ_FK_BEST,                                      /* of its best sentence */
    LJ_FK_LIN_ALONE,                                 /* the two where no hit stands */
    LJ_FK_BEST_ALONE,
    LJ_FK_AT_HIT,    /* linear risk of the best hit's sentence */
    LJ_FK_RISK,      /* linear value of any risk, text */
    LJ_FK_RISK_BEST, /* and best sentence */
    LJ_FK_OTHER,     /* points of the best other kind */
    LJ_FK_OTHER_LIN, /* linear value of the best other kind */
    LJ_FK_LENGTH,
    LJ_FK_GOOD,
    LJ_FK_BAD,
    LJ_FK_COMPLAINTS,
    LJ_FK_ROUTINE,
    LJ_FK_LIN_GOOD,
    LJ_FK_LIN_BAD,
    LJ_FK_LONG_POINTS, /* points in a long text */
    LJ_FK_LIN_TAKEN,   /* the two where all that was found was cancelled */
    LJ_FK_BEST_TAKEN,
    LJ_FK_DENIERS,   /* words that deny, in the whole text */
    LJ_FK_RUMOURED,  /* it tells of a rumour */
    LJ_FK_HEADED,    /* its heading says that it is advice or a notice */
    LJ_FK_ELSEWHERE, /* by scope: heaviest hit of any kind so judged */
    LJ_FK_LAST = LJ_FK_ELSEWHERE + LJ_OPINION_SCOPES - 1,
    LJ_FK_COUNT,
    LJ_FK_ROOM = (LJ_FK_COUNT + 3) / 4 * 4, /* whole vectors; what is over is zero */
};

/* Features of the text's other questions. */
enum lj_text_feature {
    LJ_FT_ONE,
    LJ_FT_TOP,    /* logit of the likeliest kind */
    LJ_FT_SECOND, /* and of the next */
    LJ_FT_RISK,
    LJ_FT_RISK_BEST,
    LJ_FT_POINTS,
    LJ_FT_NEGATED,
    LJ_FT_DENIED,
    LJ_FT_GOOD,
    LJ_FT_BAD,
    LJ_FT_COMPLAINTS,
    LJ_FT_ROUTINE,
    LJ_FT_BALANCE, /* good less bad over both */
    LJ_FT_LIN_GOOD,
    LJ_FT_LIN_BAD,
    LJ_FT_LENGTH,
    LJ_FT_GRAVE,
    LJ_FT_ORDINARY,
    LJ_FT_SEVERITY, /* of the heaviest hit that stands: one feature a value, 1 to 3 */
    LJ_FT_NEARMISS = LJ_FT_SEVERITY + 3,
    LJ_FT_QUOTE,
    LJ_FT_MINORS,
    LJ_FT_HOSPITAL,
    LJ_FT_POLICE,
    LJ_FT_COUNT,
    LJ_FT_ROOM = (LJ_FT_COUNT + 3) / 4 * 4,
};

enum lj_text_question { LJ_Q_RISK, LJ_Q_GOOD, LJ_Q_BAD, LJ_Q_GRAVE, LJ_Q_ORDINARY, LJ_QUESTIONS };

/* The layer's weights; a section of the bundle. */
struct lj_fusion {
    float kind[LJ_OPINION_KINDS][LJ_FK_ROOM];
    float text[LJ_QUESTIONS][LJ_FT_ROOM];
    float kind_at[LJ_OPINION_KINDS]; /* probability from which a kind is flagged */
    float risk_at;                   /* with this risk the likeliest kind is flagged below it */
    float polar_at[2];               /* probability of 1 and of -1 from which it is said */
};

/* What the fusion says about a text. */
struct lj_fused {
    bool on;                      /* there are models; else the rules alone decide */
    float kind[LJ_OPINION_KINDS]; /* probabilities */
    float text[LJ_QUESTIONS];
    unsigned flagged; /* bit by kind */
};

/* Features of the text in o, whose hits are judged and whose linear scores are in lin. */
void lj_fuse_kind_features(const struct lj_opinion *o, const struct lj_lin_score *lin,
                           float x[LJ_OPINION_KINDS][LJ_FK_ROOM]);
/* kinds: the kinds' probabilities. */
void lj_fuse_text_features(const struct lj_opinion *o, const struct lj_lin_score *lin,
                           const float kinds[LJ_OPINION_KINDS], float x[LJ_FT_ROOM]);

void lj_fuse(const struct lj_opinion *o, const struct lj_fusion *w, const struct lj_lin_score *lin,
             struct lj_fused *ret);

/* Which kinds are flagged, from their probabilities and the risk's. */
unsigned lj_fuse_flags(const struct lj_fusion *w, const float kinds[LJ_OPINION_KINDS], float risk);

#endif
