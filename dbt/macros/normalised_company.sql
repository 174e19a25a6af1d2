{#-
    A company name as it is compared: lower case, umlauts and accents spelled out, no punctuation, blanks or legal form.

    'Müller & Söhne GmbH & Co. KG' and 'MUELLER UND SOEHNE' are one; a name of nothing but a legal form is null.
-#}
{% macro normalised_company(name) -%}
    {%- set spellings = {'ä': 'ae', 'ö': 'oe', 'ü': 'ue', 'ß': 'ss', 'æ': 'ae', 'ø': 'oe'} -%}
    {%- set legal_forms = [
        'gmbh', 'mbh', 'ggmbh', 'ag', 'kg', 'cokg', 'kgaa', 'ohg', 'gbr', 'ug', 'haftungsbeschraenkt', 'se', 'ev', 'ek', 'eg', 'co',
        'inc', 'llc', 'llp', 'ltd', 'limited', 'corp', 'corporation', 'company', 'plc', 'sa', 'sas', 'sarl', 'bv', 'nv', 'srl', 'spa', 'oy', 'ab', 'as',
        'und', 'and',
    ] -%}
    {%- set text = namespace(sql="lower(" ~ name ~ ")") -%}
    {%- for letter, spelling in spellings.items() -%}
        {%- set text.sql = "replace(" ~ text.sql ~ ", '" ~ letter ~ "', '" ~ spelling ~ "')" -%}
    {%- endfor -%}
    {%- set plain = "translate(" ~ text.sql ~ ", 'áàâãåéèêëíìîïóòôõúùûñçýšžčł', 'aaaaaeeeeiiiioooouuuncyszcl')" -%}
    {#- Each word gets blanks of its own on both sides, so that neighbouring legal forms are all found. -#}
    {%- set words = replace_pattern(replace_pattern(plain, "[.]", "''"), "[^a-z0-9]+", "'  '") -%}
    {%- set without_legal_forms = replace_pattern("' ' || " ~ words ~ " || ' '", " (" ~ legal_forms | join("|") ~ ") ", "' '") -%}
    nullif(replace({{ without_legal_forms }}, ' ', ''), '')
{%- endmacro %}
