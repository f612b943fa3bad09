-- 0007: the Games that teams prepare for (team_version.games_task). A team's pacing weighs nothing from 1 January of that year to some days after the
-- closing (quota_pacing.sql). confirmed: the dates were taken from a published source; the others are to be checked before they matter.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create table games (
    opens date not null,
    closes date not null,
    confirmed bool not null,
    code text primary key check (code ~ '^[A-Z][A-Z0-9_]{1,31}$'),
    name text not null,
    check (opens <= closes)
);
insert into games (code, name, opens, closes, confirmed) values
    ('PARIS_2024', '巴黎奥运会', '2024-07-26', '2024-08-11', true),
    ('PARIS_2024_PARA', '巴黎残奥会', '2024-08-28', '2024-09-08', false),
    ('LA_2028', '洛杉矶奥运会', '2028-07-14', '2028-07-30', true),
    ('LA_2028_PARA', '洛杉矶残奥会', '2028-08-15', '2028-08-27', true);
reset role;
