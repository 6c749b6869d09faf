"""Names that operator SQL may use: the published views, and functions that compute from their arguments alone.

A function is on the list when its answer depends on nothing but what it is given (and the clock, or chance; `IDENTITY` says
what else a client has to ask): none that
reads a file, a host, a dictionary, a table by name, a setting or the server's state; none that waits, throws on demand,
or reads bytes as the engine's own memory (aggregate states); none that takes memory which the engine does not count
(`printf`), or a second and more for one row (`jaroSimilarity`, `editDistance`).
"""

from __future__ import annotations

VIEWS = frozenset(
    {
        "v_inference_requests", "v_inference_responses", "v_spans", "v_text_features", "v_drift_signals",
        "v_evaluation_scores", "v_anchor_scores", "v_feedback", "v_registry_changes", "v_governance_log", "v_alerts",
        "v_dead_letters", "v_lineage", "v_impact", "v_numbers", "v_accounts", "v_ops_signals", "v_drift_blame",
        "v_call_hours", "v_call_hours_all",
    }
)  # fmt: skip
"""Tables a statement may read."""

CATALOG = {
    "tables": "published_tables",
    "columns": "published_columns",
    "databases": "published_databases",
    "settings": "published_settings",
}
"""What is read where a statement names a table of `system`: views that show what is published and nothing else (migration
0010). No other table of `system` is read."""

READABLE = VIEWS | frozenset(CATALOG.values())
"""Every view a statement may read."""

AGGREGATES = frozenset(
    """
    any any_value anyheavy anylast any_respect_nulls anylast_respect_nulls approx_top_k approx_top_count approx_top_sum argmax
    argmin max_by min_by avg avgweighted array_agg boundingratio categoricalinformationvalue corr corrstable count covarpop
    covarsamp covarpopstable covarsampstable covar_pop covar_samp cramersv deltasum deltasumtimestamp entropy
    exponentialmovingaverage gini grouparray grouparrayinsertat grouparrayintersect grouparraylast grouparraymovingavg
    grouparraymovingsum grouparraysample grouparraysorted groupbitand groupbitor groupbitxor groupconcat group_concat string_agg
    groupuniqarray histogram intervallengthsum kolmogorovsmirnovtest kurtpop kurtsamp mannwhitneyutest max maxintersections
    maxintersectionsposition maxmap meanztest median medianexact mediantdigest min minmap quantile quantilebfloat16 quantiledd
    quantiledeterministic quantileexact quantileexactexclusive quantileexacthigh quantileexactinclusive quantileexactlow
    quantileexactweighted quantilegk quantileinterpolatedweighted quantiletdigest quantiletdigestweighted quantiletiming
    quantiletimingweighted quantiles quantilesdd quantilesexact quantilesexactexclusive quantilesexacthigh
    quantilesexactinclusive quantilesexactlow quantilesexactweighted quantilesgk quantilesinterpolatedweighted quantilestdigest
    quantilestdigestweighted quantilestiming quantilestimingweighted rankcorr retention sequencecount sequencematch
    simplelinearregression singlevalueornull skewpop skewsamp sparkbar std stddev stddevpop stddevsamp stddev_pop stddev_samp
    studentttest sum sumcount sumkahan summap sumwithoverflow theilsu topk topkweighted uniq uniqcombined uniqcombined64
    uniqexact uniqhll12 uniqupto var_pop var_samp varpop varsamp varpopstable varsampstable welchttest windowfunnel
    """.split()
)
"""Aggregate functions, lower case."""

COMBINATORS = ("if", "array", "foreach", "distinct", "ordefault", "ornull", "argmin", "argmax", "map", "tuple")
"""Suffixes that an aggregate function may have, several of them too. Those that give or take states are not among them."""

COMBINED_MAX = 8
"""Suffixes that one function may have. Chosen: above what people write; a name of thousands is a stack of functions."""

WINDOW_FUNCTIONS = frozenset(
    """
    row_number rank dense_rank denserank percent_rank percentrank cume_dist ntile lag lead laginframe leadinframe first_value
    last_value nth_value nonnegativederivative exponentialtimedecayedavg exponentialtimedecayedcount exponentialtimedecayedmax
    exponentialtimedecayedsum
    """.split()
)
"""Functions over a window, lower case; aggregate functions are such too."""

HIGHER_ORDER = frozenset(
    """
    arrayall arrayavg arraycount arraycumsum arraycumsumnonnegative arraydifference arrayexists arrayfill arrayfilter
    arrayfirst arrayfirstindex arrayfirstornull arrayfold arraylast arraylastindex arraylastornull arraymap arraymax arraymin
    arraypartialreversesort arraypartialsort arrayproduct arrayreversefill arrayreversesort arrayreversesplit arraysort
    arraysplit arraysum mapall mapapply mapexists mapfilter mappartialreversesort mappartialsort mapreversesort mapsort
    arraycompact arraydistinct arrayuniq arrayenumerate arrayenumerateuniq arrayenumeratedense
    """.split()
)
"""Functions that take a function. The engine takes a bare name for one too, so the first of several arguments is a lambda."""

TYPED = frozenset(
    """
    cast jsonextract jsonextractcaseinsensitive jsonextractkeysandvalues jsonextractkeysandvaluescaseinsensitive
    """.split()
)
"""Functions whose last argument names a type; it has to be there to read."""

SCALARS = HIGHER_ORDER | frozenset(
    """
    abs avg2 divide divideornull gcd ifnotfinite intdiv intdivornull intdivorzero isfinite isinfinite isnan lcm max2 midpoint
    min2 minus modulo mod moduloornull moduloorzero multiply negate plus positivemodulo sqr
    array arrayautocorrelation arrayconcat arraydotproduct arrayelement arrayelementornull arrayexcept arrayflatten flatten
    arrayintersect arrayjaccardindex arrayjoin arraypopback arraypopfront arraypushback arraypushfront arrayremove arrayresize
    arrayreverse arrayrotateleft arrayrotateright arrayshiftleft arrayshiftright arrayshingles arrayslice arraystringconcat
    arraysymmetricdifference arrayunion arraywithconstant arrayzip arrayzipunaligned array_to_string countequal empty
    emptyarraystring emptyarrayfloat64 emptyarrayint64 emptyarrayuint64 has hasall hasany hassubstr indexof length notempty
    range replicate reverse unnest
    bitand bitcount bitnot bitor bitshiftleft bitshiftright bittest bitxor
    equals greater greaterorequals isdistinctfrom isnotdistinctfrom less lessorequals notequals
    clamp greatest if least multiif case casewithexpression casewithoutexpression
    adddate adddays addhours addinterval addmicroseconds addmilliseconds addminutes addmonths addquarters addseconds addweeks
    addyears age curdate current_date current_timestamp date date_add date_diff date_format date_sub date_trunc dateadd
    datediff datename datesub datetrunc formatdatetime formatdatetimeinjodasyntax from_unixtime fromunixtimestamp
    fromunixtimestamp64micro fromunixtimestamp64milli fromunixtimestamp64nano fromunixtimestamp64second makedate makedatetime
    makedatetime64 monthname now now64 subdate subtractdays subtracthours subtractinterval subtractminutes subtractmonths
    subtractquarters subtractseconds subtractweeks subtractyears timediff timeslot timeslots timestamp timestamp_add
    timestamp_diff timestamp_sub timestampadd timestampdiff timestampsub time_bucket date_bin timezone timezoneof timezoneoffset
    today yesterday utctimestamp todayofmonth todayofweek todayofyear todaysinmonth tohour toisoweek toisoyear
    tolastdayofmonth tolastdayofweek tomicrosecond tomillisecond tominute tomonday tomonth toquarter tosecond tostartofday
    tostartoffifteenminutes tostartoffiveminutes tostartoffiveminute tostartofhour tostartofinterval tostartofisoyear
    tostartofmicrosecond tostartofmillisecond tostartofminute tostartofmonth tostartofquarter tostartofsecond
    tostartoftenminutes tostartofweek tostartofyear totimezone tounixtimestamp toweek toyear toyearweek toyyyymm toyyyymmdd
    toyyyymmddhhmmss day dayofmonth dayofweek dayofyear hour minute month quarter second year week yearweek
    hop hopend hopstart tumble tumbleend tumblestart
    l1distance l2distance l2squareddistance linfdistance cosinedistance l1norm l2norm l2normalize dotproduct scalarproduct
    bin unbin char hex unhex base64decode base64encode base64urldecode base64urlencode trybase64decode
    md5 sha1 sha256 sha512 cityhash64 farmhash64 halfmd5 inthash32 inthash64 javahash metrohash64 murmurhash2_64
    murmurhash3_64 siphash128 siphash64 urlhash xxhash32 xxhash64 xxh3
    isipaddressinrange isipv4string isipv6string ipv4numtostring ipv4stringtonum ipv6numtostring ipv6stringtonum toipv4
    toipv4ornull toipv6 toipv6ornull
    jsonextractarrayrawcaseinsensitive jsonextractboolcaseinsensitive jsonextractcaseinsensitive
    jsonextractfloatcaseinsensitive jsonextractintcaseinsensitive jsonextractkeyscaseinsensitive jsonextractkeysandvalues
    jsonextractkeysandvaluescaseinsensitive jsonextractkeysandvaluesrawcaseinsensitive jsonextractrawcaseinsensitive
    jsonextractstringcaseinsensitive jsonextractuintcaseinsensitive jsonmergepatch prettyprintjson
    isvalidjson jsonarraylength jsonextract jsonextractarrayraw jsonextractbool jsonextractfloat jsonextractint
    jsonextractkeys jsonextractkeysandvaluesraw jsonextractraw jsonextractstring jsonextractuint jsonhas jsonkey
    jsonlength jsontype json_array_length json_exists json_query json_value simplejsonextractbool simplejsonextractfloat
    simplejsonextractint simplejsonextractraw simplejsonextractstring simplejsonextractuint simplejsonhas tojsonstring
    visitparamextractbool visitparamextractfloat visitparamextractint visitparamextractraw visitparamextractstring
    visitparamextractuint visitparamhas
    and not or xor exists lambda
    extractkeyvaluepairs map mapadd mapconcat mapcontains mapcontainskey mapcontainskeylike mapcontainsvalue
    mapextractkeylike mapfromarrays mapkeys mapsubtract mapupdate mapvalues
    acos asin atan atan2 cbrt cos degrees e erf erfc exp exp10 exp2 hypot ln log log10 log1p log2 pi pow power radians
    sigmoid sign sin sqrt tan tanh width_bucket widthbucket proportionsztest
    assumenotnull coalesce firstnondefault ifnull isnotnull isnull iszeroornull nullif tonullable
    identity materialize parsereadablesize parsereadablesizeornull parsetimedelta
    bar formatreadabledecimalsize formatreadablequantity formatreadablesize formatreadabletimedelta totypename transform
    grouping rand rand32 rand64 randcanonical
    ceil ceiling floor round roundage roundbankers rounddown roundduration roundtoexp2 trunc truncate
    appendtrailingcharifabsent ascii basename concat concat_ws concatwithseparator
    encodexmlcomponent decodexmlcomponent endswith
    endswithutf8 firstline initcap initcaputf8 isvalidutf8 lcase left leftpad leftpadutf8
    leftutf8 lengthutf8 char_length character_length lower lowerutf8 lpad ltrim mid normalizeutf8nfc normalizeutf8nfd
    normalizeutf8nfkc normalizeutf8nfkd octet_length regexpextract regexp_extract repeat reverseutf8 right rightpad
    rightpadutf8 rightutf8 rpad rtrim soundex space startswith startswithutf8 substr substring
    substring_index substringindex substringindexutf8 substringutf8 tovalidutf8 trim trimboth trimleft trimright ucase upper
    upperutf8
    format overlay regexpquotemeta replace replaceall replaceone replaceregexpall replaceregexpone regexp_replace
    translate translateutf8
    countmatches countmatchescaseinsensitive countsubstrings countsubstringscaseinsensitive
    countsubstringscaseinsensitiveutf8 extract extractall extractallgroups extractallgroupshorizontal
    extractallgroupsvertical extractgroups hassubsequence hassubsequencecaseinsensitive hastoken hastokencaseinsensitive
    matchcaseinsensitive notmatch notmatchcaseinsensitive regexp_matches regexp_substr
    ilike instr like locate match multisearchallpositions multisearchany multisearchanycaseinsensitive
    multisearchanycaseinsensitiveutf8 multisearchanyutf8 multisearchfirstindex multisearchfirstposition ngramdistance
    ngramdistancecaseinsensitive ngramdistanceutf8 ngramsearch ngramsearchcaseinsensitive ngramsearchutf8 notilike notlike
    position positioncaseinsensitive positioncaseinsensitiveutf8 positionutf8
    alphatokens ngrams splitbyalpha splitbychar splitbynonalpha splitbyregexp splitbystring splitbywhitespace tokens
    flattentuple tuple tupleconcat tupledivide tupleelement tupleminus tuplemultiply tuplenames tupleplus
    cast parsedatetime parsedatetime32besteffort parsedatetime64 parsedatetime64besteffort parsedatetime64besteffortornull
    parsedatetimebesteffort parsedatetimebesteffortornull parsedatetimebesteffortorzero parsedatetimeornull str_to_date
    tobool todate todate32 todate32ornull todateordefault todateornull todateorzero todatetime todatetime32 todatetime64
    todatetime64ornull todatetimeornull todatetimeorzero todecimal128 todecimal32 todecimal64 todecimalstring tofixedstring
    tofloat32 tofloat32ornull tofloat32orzero tofloat64 tofloat64ordefault tofloat64ornull tofloat64orzero toint128 toint16
    toint32 toint32ornull toint32orzero toint64 toint64ordefault toint64ornull toint64orzero toint8 tointervalday tointervalhour
    tointervalmicrosecond tointervalmillisecond tointervalminute tointervalmonth tointervalquarter tointervalsecond
    tointervalweek tointervalyear tolowcardinality tostring touint128 touint16 touint32 touint32ornull touint32orzero touint64
    touint64ordefault touint64ornull touint64orzero touint8 touuid touuidornull touuidorzero tounixtimestamp64micro
    tounixtimestamp64milli tounixtimestamp64nano tounixtimestamp64second to_unixtime
    cutfragment cutquerystring cuturlparameter cutwww decodeurlcomponent domain domainwithoutwww encodeurlcomponent
    extracturlparameter extracturlparameternames extracturlparameters firstsignificantsubdomain fragment path pathfull port
    protocol querystring topleveldomain
    uuidstringtonum uuidnumtostring uuidv7todatetime
    """.split()
)
"""Other functions, lower case; operators are functions to the engine."""

IDENTITY = frozenset(
    "version revision displayname servertimezone currentdatabase current_database database currentuser current_user user".split()
)
"""What a client asks when it connects: constants of the engine and of its login, which name no data."""

MEMBERSHIP = frozenset("in notin globalin globalnotin nullin notnullin globalnullin globalnotnullin".split())
"""The functions behind IN: their second argument may be a table."""


TABLE_FUNCTIONS_TOO = frozenset({"format"})
"""Listed functions whose name is a table function's as well, so that they cannot stand where IN takes a table."""


def is_listed(function: str) -> bool:
    """Whether a function may be called; aggregates with their combinators."""
    name = function.lower()
    return name in SCALARS or name in WINDOW_FUNCTIONS or name in IDENTITY or _is_aggregate(name)


def _is_aggregate(name: str) -> bool:
    for _ in range(COMBINED_MAX):
        suffix = next((one for one in COMBINATORS if name.endswith(one)), "")
        if name in AGGREGATES or not suffix:
            break
        name = name.removesuffix(suffix)
    return name in AGGREGATES
